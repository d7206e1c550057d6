/** Attachments leave with exports and backups, and come back with imports and restores. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { canonicalize, type LedgerRecord } from '@indelible/core';
import { openMemoryAttachments } from '../../packages/indelible/src/attachments/memory.ts';
import { PART_BYTES, partLines } from '../../packages/indelible/src/attachments/part-lines.ts';
import { openAttachments, openStore } from '../../packages/indelible/src/compose.ts';
import { type ExportFormat, exportRecords } from '../../packages/indelible/src/evidence/export.ts';
import { jsonLinesImporter } from '../../packages/indelible/src/ingest/jsonl.ts';
import { importInto } from '../../packages/indelible/src/ingest/run-import.ts';
import { backupLog } from '../../packages/indelible/src/ledger/backup.ts';
import { BackupFile } from '../../packages/indelible/src/ledger/backup-file.ts';
import { Ledger } from '../../packages/indelible/src/ledger/ledger.ts';
import { restoreLog } from '../../packages/indelible/src/ledger/restore.ts';
import { verifyLog } from '../../packages/indelible/src/ledger/verify.ts';
import { openMemoryStore } from '../../packages/indelible/src/stores/memory.ts';
import { textOf } from '../evidence/support.ts';
import { readAll, source } from '../ingest/support.ts';
import { digestOf, large, newFolder, openPlain, verifyAt } from './support.ts';

/** Larger than three parts, and no multiple of one. */
const LARGE = { text: 'ä'.repeat(80_000) };
const EXPORTED_AT = '2026-11-21T02:14:00.000Z';

async function newLedger(t: TestContext): Promise<Ledger> {
  const ledger = await Ledger.open({ store: openMemoryStore(), attachments: openMemoryAttachments() });
  t.after(() => ledger.close());
  return ledger;
}

/** Records 1 to 5: small, large, small, the same large data again, other large data. */
async function filled(t: TestContext): Promise<Ledger> {
  const ledger = await newLedger(t);
  for (const data of [1, LARGE, 3, LARGE, large()]) await ledger.record({ action: 'a', data });
  return ledger;
}

function exported(ledger: Ledger, format: ExportFormat): Promise<string> {
  return textOf(exportRecords(ledger, { format, exported_at: EXPORTED_AT }));
}

async function linesOf(ledger: Ledger): Promise<string[]> {
  return (await exported(ledger, 'jsonl')).trimEnd().split('\n');
}

test('pitfall 21: a JSON Lines export is all that an auditor needs, attachments included', async (t) => {
  const lines = await linesOf(await filled(t));
  const checked: number[] = [];
  let parts: Buffer[] = [];
  for (const line of lines.slice(0, -1)) {
    const value = JSON.parse(line) as {
      attachment?: string;
      bytes: string;
      offset: number;
      record: LedgerRecord;
    };
    if (value.attachment !== undefined) {
      assert.equal(value.offset, Buffer.concat(parts).length, 'the parts are in order');
      assert.ok(line.length < 65_535, 'no line is longer than that of a record may be');
      parts.push(Buffer.from(value.bytes, 'base64'));
      continue;
    }
    const { attachment, seq } = value.record;
    if (attachment !== undefined) {
      const bytes = Buffer.concat(parts);
      assert.equal(`sha-256:${createHash('sha256').update(bytes).digest('hex')}`, attachment.digest);
      assert.equal(bytes.length, attachment.size);
      checked.push(seq);
    } else assert.equal(parts.length, 0, 'parts stand before the record that they belong to');
    parts = [];
  }
  assert.deepEqual(checked, [2, 4, 5]);
  assert.equal((JSON.parse(lines.at(-1)!) as { end: { count: number } }).end.count, 6);
});

test('a JSON export has each attachment beside its record; CSV names it', async (t) => {
  const ledger = await filled(t);
  const { records } = JSON.parse(await exported(ledger, 'json')) as {
    records: { record: LedgerRecord; attachment?: string }[];
  };
  assert.deepEqual(
    records.map(({ record, attachment }) => [record.seq, attachment !== undefined]),
    [0, 1, 2, 3, 4, 5].map((seq) => [seq, [2, 4, 5].includes(seq)]),
  );
  assert.equal(Buffer.from(records[2]!.attachment!, 'base64').toString(), canonicalize(LARGE));
  assert.ok((await exported(ledger, 'csv')).includes(digestOf(canonicalize(LARGE))));
});

test('an export names an attachment that is gone, and goes on', async (t) => {
  const ledger = await filled(t);
  await ledger.attachments!.get(digestOf(canonicalize(LARGE)));
  await ledger.attachments!.remove(digestOf(canonicalize(LARGE)));
  const lines = await linesOf(ledger);
  const named = lines.filter((line) => line.includes('"unavailable":"ATTACHMENT_MISSING"'));
  assert.equal(named.length, 2);
  const { records } = JSON.parse(await exported(ledger, 'json')) as {
    records: { attachment_unavailable?: string }[];
  };
  assert.equal(records[2]!.attachment_unavailable, 'ATTACHMENT_MISSING');
  assert.equal(records.length, 6);
});

async function imported(t: TestContext, content: string) {
  const ledger = await newLedger(t);
  const remarks: string[] = [];
  const summary = await importInto(
    (event) => ledger.record(event),
    jsonLinesImporter,
    [source(content, 7000)],
    {
      onRemark: ({ position, remark }) => remarks.push(`${position}: ${remark}`),
    },
  );
  return { ledger, summary, remarks };
}

test('export, import: large data is whole again, in the order of the source, and a second import adds nothing', async (t) => {
  const content = await exported(await filled(t), 'jsonl');
  const { ledger, summary, remarks } = await imported(t, content);
  assert.deepEqual([summary.read, summary.added, summary.failed], [6, 6, 0]);
  assert.match(remarks.join(), /^line \d+: end of an export of 6 records; not an entry, skipped$/);
  const stored = await ledger.get([1, 2, 3, 4, 5, 6]);
  const data = await Promise.all(
    stored.map(
      async ({ record }) =>
        (await ledger.dataOf(record)) as { imported_from: { seq: number }; original: unknown },
    ),
  );
  assert.deepEqual(
    data.map(({ imported_from }) => imported_from.seq),
    [0, 1, 2, 3, 4, 5],
  );
  assert.deepEqual(
    data.slice(1).map(({ original }) => original),
    [1, LARGE, 3, LARGE, large()],
  );
  const again = await importInto((event) => ledger.record(event), jsonLinesImporter, [source(content)]);
  assert.deepEqual([again.added, again.duplicates], [0, 6]);
  const report = await verifyLog({ store: ledger.store, attachments: ledger.attachments! });
  assert.equal(report.ok, true);
});

test('a record whose attachment is not in the file keeps the reference, and that is said', async (t) => {
  const lines = (await linesOf(await filled(t))).filter((line) => !line.startsWith('{"attachment"'));
  const { ledger, summary, remarks } = await imported(t, `${lines.join('\n')}\n`);
  assert.deepEqual([summary.added, summary.failed], [6, 0]);
  assert.equal(remarks.filter((text) => text.includes('adopted with the reference alone')).length, 3);
  const [stored] = await ledger.get([3]);
  const { attachment } = stored!.record.data as { attachment: { digest: string } };
  assert.equal(attachment.digest, digestOf(canonicalize(LARGE)));
});

test('parts that were altered, lost or mixed up are faults of their own', async () => {
  const bytes = new TextEncoder().encode(canonicalize(LARGE));
  const digest = digestOf(canonicalize(LARGE));
  const parts = Array.from(partLines(digest, bytes), (line) => Buffer.from(line).toString());
  assert.equal(parts.length, Math.ceil(bytes.length / PART_BYTES));
  const other = Buffer.from(
    [
      ...partLines(
        digest,
        bytes.map((byte, i) => (i === 9 ? byte ^ 1 : byte)),
      ),
    ][0]!,
  ).toString();
  const cases: [string, string[], number][] = [
    ['altered', [other, ...parts.slice(1)], 1],
    ['a part left out', [parts[0]!, parts[2]!], 1],
    ['no beginning', [parts[1]!], 1],
    ['another spelling', [parts[0]!.replace('"bytes":"', '"bytes":"\\n')], 1],
    ['an unknown member', [parts[0]!.replace('"offset"', '"more":1,"offset"')], 1],
    ['whole', parts, 0],
  ];
  for (const [name, lines, faults] of cases) {
    const { good, bad } = await readAll(jsonLinesImporter, source(lines.join('')));
    assert.deepEqual([good.length, bad.length], [0, faults], name);
  }
});

for (const [from, to] of [
  ['file', 'sqlite'],
  ['sqlite', 'file'],
] as const) {
  test(`backup of ${from}:, restored to ${to}: with its attachments, byte for byte`, async (t) => {
    const folder = await newFolder(t);
    const ledger = await openPlain(`${from}:${join(folder, 'from')}`);
    for (const data of [1, LARGE, 3, LARGE, large()]) await ledger.record({ action: 'a', data });
    const path = join(folder, 'backup');
    const summary = await backupLog({ store: ledger.store, attachments: ledger.attachments, path });
    await ledger.close();
    assert.deepEqual([summary.records, summary.attachments], [6, 2]);

    const file = await BackupFile.open(path);
    const report = await verifyLog({ store: file, attachments: file.attachments });
    assert.deepEqual([report.ok, report.attachments], [true, { checked: 2, unreferenced: 0 }]);
    await file.close();

    const url = `${to}:${join(folder, 'to')}`;
    const attachments = openAttachments(url);
    await restoreLog({ path, openTarget: () => openStore(url), attachments, keys: [] });
    await attachments.close();
    assert.deepEqual((await verifyAt(url)).attachments, { checked: 2, unreferenced: 0 });
    const restored = await openPlain(url);
    t.after(() => restored.close());
    assert.deepEqual(await restored.dataOf((await restored.get([2]))[0]!.record), LARGE);
  });
}

test('a backup is refused when an attachment is gone, and one that lost a part is no backup', async (t) => {
  const folder = await newFolder(t);
  const ledger = await filled(t);
  const { store, attachments } = ledger;
  const path = join(folder, 'backup');
  await backupLog({ store, attachments, path });
  const lines = (await readFile(path, 'utf8')).trimEnd().split('\n');
  const at = lines.findIndex((line) => line.startsWith('{"attachment"'));
  const write = async (changed: readonly string[]): Promise<string> => {
    const body = `${changed.slice(0, -1).join('\n')}\n`;
    const sha256 = createHash('sha256').update(body).digest('hex');
    const trailer = JSON.stringify({ ...(JSON.parse(changed.at(-1)!) as object), sha256 });
    await writeFile(path, `${body}${trailer}\n`);
    return path;
  };
  const refused = [
    lines.toSpliced(at + 1, 1),
    lines.toSpliced(at, 2, lines[at + 1]!, lines[at]!),
    lines.toSpliced(at + 3, 0, ...lines.slice(at, at + 4)),
  ];
  for (const changed of refused)
    await assert.rejects(BackupFile.open(await write(changed)), { code: 'BACKUP_INVALID' });
  // Sealed again by a forger: what its records refer to gives it away.
  const without = lines.filter((line) => !line.startsWith('{"attachment"'));
  await assert.rejects(
    restoreLog({
      path: await write(without),
      openTarget: async () => openMemoryStore(),
      attachments: openMemoryAttachments(),
      keys: [],
    }),
    { code: 'RESTORED_BACKUP_DIFFERS' },
  );
  await attachments!.remove(digestOf(canonicalize(LARGE)));
  await assert.rejects(backupLog({ store, attachments, path: join(folder, 'other') }), {
    code: 'ATTACHMENT_MISSING',
  });
});
