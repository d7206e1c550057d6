/**
 * The ledger as users have it: concurrent callers, each awaiting a durable receipt before it records again.
 */
import { generateKeyPairSync } from 'node:crypto';
import { join } from 'node:path';
import { openLedger } from '../../packages/indelible/src/compose.ts';
import type { Ledger } from '../../packages/indelible/src/ledger/ledger.ts';
import { signerOf } from '../../packages/indelible/src/transparency/private-key.ts';
import { EventPool } from '../events.ts';
import { type Measures, numberParam, type Params, quantile, textParam } from '../sample.ts';

/** Timing every call would cost what it measures. */
const TIMED_EVERY = 16;

export function appendToLedger(params: Params, folder: string): Promise<Measures> {
  return measureAppends(params, ledgerUrl(textParam(params, 'store'), folder));
}

/** `callers` callers on the ledger at this URL. */
export async function measureAppends(params: Params, url: string): Promise<Measures> {
  const records = numberParam(params, 'records');
  const callers = numberParam(params, 'callers');
  const { keyed = false, signed = false } = params as { keyed?: boolean; signed?: boolean };
  const ledger = await openBenchLedger(url, { keyed, signed });
  const events = new EventPool(records);
  await recordAll(ledger, events, Math.max(callers, Math.ceil(records / 10)), callers);
  await ledger.caughtUp();

  const before = ledger.stats;
  const started = performance.now();
  const waits = await recordAll(ledger, events, records, callers);
  const acknowledged = performance.now();
  await ledger.caughtUp();
  const indexed = performance.now();

  const after = ledger.stats;
  const recorded = after.recorded - before.recorded;
  if (recorded !== records) throw new Error(`${records} receipts for ${recorded} records`);
  const bytes = await meanRecordBytes(ledger);
  await ledger.close();
  return {
    records_per_s: perSecond(records, acknowledged - started),
    batch_records: recorded / (after.commits - before.commits),
    p50_ms: quantile(waits, 0.5),
    p99_ms: quantile(waits, 0.99),
    indexed_per_s: perSecond(records, indexed - started),
    record_bytes: bytes,
  };
}

/** `callers` callers record `records` events between them; returns the timed waits in ms, ascending. */
export async function recordAll(
  ledger: Ledger,
  events: Pick<EventPool, 'next'>,
  records: number,
  callers: number,
): Promise<Float64Array> {
  const waits = new Float64Array(Math.ceil(records / TIMED_EVERY));
  let taken = 0;
  async function caller(): Promise<void> {
    while (taken < records) {
      const i = taken++;
      const event = events.next();
      if (i % TIMED_EVERY !== 0) {
        await ledger.record(event);
        continue;
      }
      const called = performance.now();
      await ledger.record(event);
      waits[i / TIMED_EVERY] = performance.now() - called;
    }
  }
  await Promise.all(Array.from({ length: callers }, caller));
  return waits.sort();
}

export function ledgerUrl(store: string, folder: string): string {
  if (store === 'memory') return 'memory:';
  return store === 'file' ? `file:${join(folder, 'ledger')}` : `${store}:${join(folder, 'ledger.db')}`;
}

const NAME = 'bench.example/ledger';

export function openBenchLedger(
  url: string,
  { keyed = false, signed = false }: { readonly keyed?: boolean; readonly signed?: boolean } = {},
): Promise<Ledger> {
  const keys = [{ key_id: 'bench-1', secret: new Uint8Array(32).fill(7) }];
  return openLedger(url, {
    name: NAME,
    ...(keyed ? { keys } : {}),
    ...(signed ? { signer: signerOf(generateKeyPairSync('ed25519').privateKey, NAME) } : {}),
    // A fault that is only logged would make the figures worthless.
    log: { info() {}, warn: complain, error: complain },
  });
}

function complain(facts: Record<string, unknown>, message: string): void {
  process.stderr.write(`${message} ${JSON.stringify(facts)}\n`);
}

async function meanRecordBytes(ledger: Ledger): Promise<number> {
  const seqs = Array.from({ length: Math.min(1000, ledger.stats.head_seq) }, (_, i) => i + 1);
  const stored = await ledger.store.get(seqs);
  return stored.reduce((sum, { line }) => sum + line.length - 86, 0) / stored.length;
}

export function perSecond(count: number, ms: number): number {
  return (count * 1000) / ms;
}
