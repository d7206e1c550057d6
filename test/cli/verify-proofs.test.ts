/** `verify` with what proves a log: exit codes, and what the verifier brings along. */
import assert from 'node:assert/strict';
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { folder, NAME, openLedger, record, signer } from '../transparency/support.ts';
import { makePlace } from './run-cli.ts';

test('pitfall 11, pitfall 17: exit 0 verified, 1 for a cut or vanished log, 3 for what cannot be checked', async (t) => {
  const place = await makePlace(t);
  const made = join(folder(t), 'log');
  const ledger = await openLedger(`file:${made}`, { name: NAME, signer: signer() });
  await record(ledger, 20);
  const { note } = await ledger.transparency!.checkpointNow();
  const [vkey] = ledger.transparency!.verifier_keys;
  await ledger.close();
  writeFileSync(join(place.folder, 'kept.txt'), note);
  const copy = (name: string): string => {
    cpSync(made, join(place.folder, name), { recursive: true });
    return join(place.folder, name);
  };
  copy('whole');
  const cut = copy('cut');
  const [segment] = readdirSync(join(cut, 'segments'));
  const path = join(cut, 'segments', segment!);
  writeFileSync(path, `${readFileSync(path, 'utf8').split('\n').slice(0, 15).join('\n')}\n`);
  const bare = copy('bare');
  rmSync(join(bare, 'tree'), { recursive: true });
  const verify = (name: string, ...args: string[]) =>
    place.run(['verify', '--ledger', `file:${name}`, ...args]);
  const [whole, json, shortened, without, gone, unknown, wrong, last] = await Promise.all([
    verify('whole', '--key', vkey!, '--checkpoint', 'kept.txt'),
    verify('whole', '--key', vkey!, '--checkpoint', 'kept.txt', '--json'),
    verify('cut', '--json'),
    verify('bare', '--json'),
    verify('gone', '--checkpoint', 'kept.txt', '--json'),
    verify('gone', '--json'),
    verify('whole', '--since-last', '--full'),
    verify('whole', '--since-last', '--json'),
  ]);
  assert.equal(whole.code, 0, whole.stderr);
  assert.match(
    whole.stdout,
    /^signed +holds to 22 +the first 22 records are those that acme\.example\/prod signed$/m,
  );
  assert.match(whole.stdout, /^anchored +holds to 22 /m);
  assert.match(whole.stdout, /^verdict +consistent, signed, anchored$/m);
  const { graded, proofs } = JSON.parse(json.stdout);
  assert.deepEqual([graded.result, graded.grade, proofs.keys_from], ['verified', 'anchored', 'given']);

  assert.equal(shortened.code, 1);
  const found = JSON.parse(shortened.stdout);
  assert.deepEqual([found.damage, found.first_bad_seq, found.graded.grade], ['records_missing', 15, null]);
  assert.equal(without.code, 3, 'the log says that there should be checkpoints');
  assert.deepEqual(
    [JSON.parse(without.stdout).ok, JSON.parse(without.stdout).verdict],
    [false, 'not_checked'],
  );
  assert.equal(gone.code, 1);
  assert.equal(JSON.parse(gone.stdout).damage, 'anchor_ahead');
  assert.equal(unknown.code, 3);
  assert.equal(JSON.parse(unknown.stdout).code, 'LEDGER_NOT_FOUND');
  assert.equal(wrong.code, 2);
  assert.equal(last.code, 0);
  const again = await verify('whole', '--since-last', '--json');
  assert.equal(JSON.parse(again.stdout).proofs.verified_from, 22);
  assert.equal(JSON.parse(again.stdout).records_checked, 0);
});
