/** What the registry knows, and what it finds. */
import assert from 'node:assert/strict';
import { chmod, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import type { LedgerFacts, OpenedLedger } from '../../packages/indelible/src/registry/facts.ts';
import { openableUrl, registeredUrl, registryPath } from '../../packages/indelible/src/registry/location.ts';
import { LedgerRegistry } from '../../packages/indelible/src/registry/registry.ts';

const NOW = Date.parse('2026-11-21T02:14:00.000Z');
/** A ledger of so many records; `line` tells one history from another. */
function ledger(size: number, line = 'a', more: Partial<LedgerFacts> = {}): OpenedLedger {
  const hashAt = (seq: number): string => `${line}${seq}`;
  return {
    url: 'file:/var/audit',
    name: 'acme.example/prod',
    size,
    head_hash: hashAt(size - 1),
    first_hash: hashAt(0),
    hashAt: async (seq) => hashAt(seq),
    ...more,
  };
}

async function newRegistry(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'indelible-registry-'));
  const path = join(folder, 'config', 'ledgers.db');
  const registry = LedgerRegistry.open(path, () => NOW);
  t.after(async () => {
    registry.close();
    await rm(folder, { recursive: true, force: true });
  });
  return { registry, path, folder };
}

test('a ledger is known from its first note, and how far it has come is kept across openings', async (t) => {
  const { registry, path } = await newRegistry(t);
  assert.equal(await registry.note(ledger(1)), null);
  assert.equal(await registry.note(ledger(40, 'a', { checkpoint: 'a signed note' })), null);
  assert.equal(await registry.note(ledger(41)), null);
  const again = LedgerRegistry.open(path);
  const [known, ...others] = again.list();
  again.close();
  assert.deepEqual(others, []);
  assert.deepEqual(known, {
    url: 'file:/var/audit',
    name: 'acme.example/prod',
    first_seen_at: '2026-11-21T02:14:00.000Z',
    last_seen_at: '2026-11-21T02:14:00.000Z',
    size: 41,
    head_hash: 'a40',
    first_hash: 'a0',
    checkpoint: 'a signed note',
    retired: null,
  });
  assert.equal((await stat(path)).mode & 0o777, 0o600);
});

test('pitfall 11: a ledger that vanished, shrank, was replaced, rewritten or renamed is found, and no other', async (t) => {
  const { registry } = await newRegistry(t);
  await registry.note(ledger(40));
  const cases: [OpenedLedger | null, string | undefined][] = [
    [null, 'vanished'],
    [ledger(39), 'shrunk'],
    [ledger(90, 'b'), 'replaced'],
    [ledger(90, 'b', { first_hash: 'a0' }), 'rewritten'],
    [ledger(40, 'b', { first_hash: 'a0' }), 'rewritten'],
    [ledger(40, 'a', { name: 'acme.example/other' }), 'renamed'],
    [ledger(40), undefined],
    [ledger(41), undefined],
    // A bounded ledger no longer has its first record, nor perhaps the one noted.
    [ledger(9000, 'a', { first_hash: null }), undefined],
    [{ ...ledger(9000, 'a', { first_hash: null }), hashAt: async () => null }, undefined],
  ];
  for (const [now, kind] of cases) {
    const findings = await registry.check(async () => now);
    assert.deepEqual(
      findings.map((finding) => finding.kind),
      kind === undefined ? [] : [kind],
    );
  }
});

test('pitfall 11: what is known never goes backwards, and what was found stays found', async (t) => {
  const { registry } = await newRegistry(t);
  await registry.note(ledger(40));
  const finding = await registry.note(ledger(12));
  assert.match(finding!.detail, /had 40 records, and now has 12/);
  assert.equal(registry.list()[0]!.size, 40);
  assert.equal((await registry.note(ledger(12)))!.kind, 'shrunk', 'again, as long as it is so');
  // The attacker lets it grow past the old size again.
  assert.equal((await registry.note(ledger(60, 'b', { first_hash: 'a0' })))!.kind, 'rewritten');
  assert.equal(registry.list()[0]!.head_hash, 'a39');
  assert.deepEqual(
    registry.findings().map(({ kind, found_at }) => [kind, found_at]),
    [
      ['shrunk', '2026-11-21T02:14:00.000Z'],
      ['rewritten', '2026-11-21T02:14:00.000Z'],
    ],
  );
});

test('a ledger that is retired is expected no more; one begun anew in its place is', async (t) => {
  const { registry } = await newRegistry(t);
  await registry.note(ledger(40));
  const retired = registry.retire('acme.example/prod', 'moved to PostgreSQL');
  assert.deepEqual(retired.retired, { at: '2026-11-21T02:14:00.000Z', reason: 'moved to PostgreSQL' });
  assert.deepEqual(await registry.check(async () => null), []);
  assert.throws(() => registry.retire('acme.example/prod', 'again'), { code: 'NOT_FOUND' });
  assert.equal(await registry.note(ledger(2, 'b')), null);
  assert.deepEqual([registry.list()[0]!.size, registry.list()[0]!.retired], [2, null]);
  assert.equal((await registry.check(async () => null)).length, 1);
});

test('two ledgers of one name are told apart by their URLs', async (t) => {
  const { registry } = await newRegistry(t);
  await registry.note(ledger(40));
  await registry.note(ledger(40, 'c', { url: 'sqlite:/var/other.db' }));
  assert.throws(() => registry.retire('acme.example/prod', 'x'), { code: 'NOT_FOUND' });
  registry.retire('sqlite:/var/other.db', 'x');
  assert.equal(registry.named('acme.example/prod').url, 'file:/var/audit');
});

test('one that cannot be asked now is no finding', async (t) => {
  const { registry } = await newRegistry(t);
  await registry.note(ledger(40));
  assert.deepEqual(await registry.check(async () => 'unknown'), []);
});

test('a registry that cannot be used says so with its own error', async (t) => {
  const { folder, path } = await newRegistry(t);
  const broken = join(folder, 'broken.db');
  await writeFile(broken, 'no database at all, but long enough to be read as one'.repeat(100));
  await chmod(broken, 0o600);
  for (const bad of [broken, folder, join(path, 'below-a-file')])
    assert.throws(() => LedgerRegistry.open(bad), { code: 'REGISTRY_UNAVAILABLE' });
});

test('where it lies: the user’s config folder, unless told otherwise; URLs without options and credentials', () => {
  assert.equal(registryPath({ HOME: '/home/ana' }), '/home/ana/.config/indelible/ledgers.db');
  assert.equal(
    registryPath({ HOME: '/home/ana', XDG_CONFIG_HOME: '/etc/ana' }),
    '/etc/ana/indelible/ledgers.db',
  );
  assert.equal(registryPath({ HOME: '/h', XDG_CONFIG_HOME: 'relative' }), '/h/.config/indelible/ledgers.db');
  assert.equal(registryPath({ INDELIBLE_REGISTRY: '/srv/ledgers.db' }), '/srv/ledgers.db');
  assert.equal(registryPath({ INDELIBLE_REGISTRY: 'none' }), null);
  assert.throws(() => registryPath({ INDELIBLE_REGISTRY: 'ledgers.db' }), { code: 'USAGE' });
  assert.equal(registeredUrl('memory:'), null);
  assert.equal(registeredUrl('file:/var/audit?segments_max=3'), 'file:/var/audit');
  assert.equal(registeredUrl('sqlite:a.db'), `sqlite:${join(process.cwd(), 'a.db')}`);
  assert.equal(registeredUrl('postgres://ana:se@cret@db.example/audit'), 'postgres://db.example/audit');
  // One database holds many ledgers; one bucket name may be at many servers.
  for (const url of [
    'postgres://db.example/audit?ledger=acme.example/prod',
    's3://audit/prod?endpoint=https://s3.example:9000',
    'nats://a.example:4222,b.example:4222/AUDIT',
  ])
    assert.equal(registeredUrl(url), url);
  const here = 'postgresql://ana:secret@db.example/audit?local=./here&ledger=a';
  assert.equal(registeredUrl(here), 'postgres://db.example/audit?ledger=a');
});

test('how a ledger elsewhere is opened again is kept, but for its password', async (t) => {
  assert.equal(openableUrl('file:/var/audit?segments_max=3'), null);
  assert.equal(openableUrl('memory:'), null);
  assert.equal(
    openableUrl('postgresql://ana:se@cret@db.example/audit?sslmode=require&ledger=a&local=here'),
    `postgres://ana@db.example/audit?sslmode=require&ledger=a&local=${join(process.cwd(), 'here')}`,
  );
  assert.equal(
    openableUrl('s3://audit?endpoint=http://127.0.0.1:7480&head_bucket=heads'),
    's3://audit?endpoint=http://127.0.0.1:7480&head_bucket=heads',
  );
  const { registry } = await newRegistry(t);
  const [url, open_url] = ['postgres://db/x?ledger=a', 'postgres://ana@db/x?ledger=a&sslmode=require'];
  await registry.note(ledger(40, 'a', { url, open_url }));
  await registry.note(ledger(41, 'a', { url }));
  const asked: unknown[] = [];
  await registry.check(async (known) => {
    asked.push(known.open_url);
    return ledger(41, 'a', { url });
  });
  assert.deepEqual(asked, [open_url]);
  await registry.note(ledger(41, 'a', { url, open_url: 'postgres://bob@db/x?ledger=a' }));
  assert.equal(registry.list()[0]!.open_url, 'postgres://bob@db/x?ledger=a');
});

test('a registry of version 1 is taken over', async (t) => {
  const { registry, path } = await newRegistry(t);
  await registry.note(ledger(40));
  const database = new DatabaseSync(path);
  database.exec('ALTER TABLE ledgers DROP COLUMN open_url; PRAGMA user_version = 1');
  database.close();
  const again = LedgerRegistry.open(path, () => NOW);
  assert.equal(again.list()[0]!.size, 40);
  assert.equal(await again.note(ledger(41, 'a', { open_url: 'x' })), null);
  assert.deepEqual([again.list()[0]!.size, again.list()[0]!.open_url], [41, 'x']);
  again.close();
});
