/**
 * Before a keyed ledger is judged: do the secrets given fit it at all? A wrong secret is not tampering.
 *
 * Errors:  KEY_REQUIRED, KEY_WRONG, KEY_UNKNOWN, KEY_UNEXPECTED.
 */
import { IndelibleError, isIndelibleError, isLine, lineBody, parseRecord } from '@indelible/core';
import type { LogStore } from '../stores/contract.ts';
import { configOf } from './config.ts';
import type { Keyring } from './keyring.ts';

/** How many records are asked for their key: one alone might be the one that was tampered with. */
const SAMPLE_RECORDS = 64;

/** Raises unless the keyring can verify the ledger's first records. */
export async function checkKeysFit(store: LogStore, keyring: Keyring): Promise<void> {
  const sample = await sampleKeys(store);
  if (sample.key_ids.size === 0) return;
  const named = [...sample.key_ids].filter((key_id) => key_id !== null);
  if (named.length === 0) {
    if (keyring.active === null) return;
    throw new IndelibleError('KEY_UNEXPECTED', `a key was given, but the records of ${store.url} name none`);
  }
  if (keyring.active === null) {
    throw new IndelibleError('KEY_REQUIRED', `the ledger in ${store.url} is keyed (key id ${named[0]})`);
  }
  if (!named.some((key_id) => keyring.hash(key_id) !== undefined)) {
    throw new IndelibleError(
      'KEY_WRONG',
      `the ledger uses key ${named[0]}; the secret given has id ${keyring.active.key_id}`,
    );
  }
  for (const { key_id, check } of sample.checks) {
    const ours = keyring.check(key_id);
    // Only what the ledger announced counts: an invented key id in a record is damage, for the verifier to name.
    if (ours === undefined && named.includes(key_id)) {
      throw new IndelibleError('KEY_UNKNOWN', `records are sealed with key ${key_id}, which was not given`, {
        details: { key_id },
      });
    }
    if (ours !== undefined && ours !== check) {
      throw new IndelibleError(
        'KEY_WRONG',
        `the secret given for key ${key_id} is not the one this ledger was made with`,
      );
    }
  }
}

interface Sample {
  readonly key_ids: Set<string | null>;
  readonly checks: { key_id: string; check: string }[];
}

async function sampleKeys(store: LogStore): Promise<Sample> {
  const sample: Sample = { key_ids: new Set(), checks: [] };
  await addFirstRecords(sample, store).catch((error: unknown) => {
    // What cannot be read says nothing about keys; the verifier will name it.
    if (!isIndelibleError(error, 'LEDGER_DAMAGED')) throw error;
  });
  return sample;
}

async function addFirstRecords(sample: Sample, store: LogStore): Promise<void> {
  let seen = 0;
  for await (const batch of store.read(0)) {
    let start = 0;
    for (let i = 0; i < batch.ends.length && seen < SAMPLE_RECORDS; i++) {
      const end = batch.ends[i]!;
      addToSample(sample, batch.bytes, start, end);
      start = end;
      seen++;
    }
    if (seen >= SAMPLE_RECORDS) break;
  }
}

function addToSample(sample: Sample, bytes: Uint8Array, start: number, end: number): void {
  if (!isLine(bytes, start, end)) return;
  try {
    const record = parseRecord(lineBody(bytes, start, end));
    sample.key_ids.add(record.key_id ?? null);
    sample.checks.push(...(configOf(record)?.keys ?? []));
  } catch (error) {
    // A damaged record says nothing about keys; the verifier will name it.
    if (!(error instanceof IndelibleError)) throw error;
  }
}
