/**
 * Proofs from a filled ledger: inclusion of a record, and consistency of two sizes, each a question of its own.
 */
import { EventSource, numbersBelow } from '../events.ts';
import { type Measures, numberParam, type Params, quantile, textParam } from '../sample.ts';
import { ledgerUrl, openBenchLedger, recordAll } from './ledger-append.ts';

const CALLERS = 2000;

export async function proofs(params: Params, folder: string): Promise<Measures> {
  const records = numberParam(params, 'records');
  const questions = numberParam(params, 'questions');
  const url = ledgerUrl(textParam(params, 'store'), folder);
  const ledger = await openBenchLedger(url, { signed: true });
  await recordAll(ledger, new EventSource(), records, Math.min(CALLERS, records));
  // The index has nothing to do with proofs, but would still be at work in a thread of its own.
  await ledger.caughtUp();
  const log = ledger.transparency!;
  const { size } = await log.checkpointNow();
  const numbers = numbersBelow(size, numberParam(params, 'round') + 1);
  const ask: Record<string, () => Promise<unknown>> = {
    inclusion: () => log.inclusionProof(numbers.next().value, size),
    consistency: () => log.consistencyProof(1 + (numbers.next().value % (size - 1)), size),
  };
  const question = ask[textParam(params, 'kind')]!;
  const asked = performance.now();
  await question();
  const first_ms = performance.now() - asked;
  const waits = new Float64Array(questions);
  for (let i = 0; i < questions; i++) {
    const started = performance.now();
    await question();
    waits[i] = performance.now() - started;
  }
  waits.sort();
  await ledger.close();
  return { p50_ms: quantile(waits, 0.5), p99_ms: quantile(waits, 0.99), first_ms };
}
