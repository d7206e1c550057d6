/**
 * Questions to a filled ledger, one after the other, in a process that has just opened it.
 */
import { auditList } from '../../packages/indelible/src/evidence/audit-list.ts';
import { queryRecords } from '../../packages/indelible/src/evidence/query.ts';
import { whatHappened } from '../../packages/indelible/src/evidence/run.ts';
import { ACTOR_IDS, numbersBelow, runsWithin } from '../events.ts';
import { type Measures, numberParam, type Params, quantile, textParam } from '../sample.ts';
import { ledgerUrl, openBenchLedger } from './ledger-append.ts';

export async function query(params: Params, folder: string): Promise<Measures> {
  const records = numberParam(params, 'records');
  const questions = numberParam(params, 'questions');
  const runs = runsWithin(records - 1);
  const ledger = await openBenchLedger(ledgerUrl(textParam(params, 'store'), folder));
  await ledger.caughtUp();
  const random = numbersBelow(2 ** 31, numberParam(params, 'round') + 1);
  const pick = <T>(list: readonly T[]): T => list[random.next().value % list.length]!;

  /** Asks `questions` times; the first time, with everything cold, is a figure of its own. */
  async function ask(question: () => Promise<void>): Promise<Measures> {
    const waits = new Float64Array(questions);
    let first_ms = 0;
    for (let i = -1; i < questions; i++) {
      const asked = performance.now();
      await question();
      const waited = performance.now() - asked;
      if (i < 0) first_ms = waited;
      else waits[i] = waited;
    }
    waits.sort();
    return { p50_ms: quantile(waits, 0.5), p99_ms: quantile(waits, 0.99), first_ms };
  }

  const questionsByKind: Record<string, () => Promise<void>> = {
    'what-happened': async () => {
      const run = pick(runs);
      const { steps } = await whatHappened(ledger, run.correlation_id);
      if (steps !== run.events)
        throw new Error(`run ${run.correlation_id}: ${steps} of ${run.events} events`);
    },
    actor: async () => {
      const actor = pick(ACTOR_IDS);
      const page = await queryRecords(ledger, { filter: { actor }, order: 'newest', limit: 50 });
      if (page.records.length === 0 && records > 100_000) throw new Error(`nothing found of ${actor}`);
    },
    text: async () => {
      const text = `${pick(ACTOR_IDS)} ${pick(['passkey', 'eur', 'linux'])}`;
      await queryRecords(ledger, { filter: { text }, order: 'newest', limit: 50 });
    },
    audit: async () => {
      const entries = await auditList(ledger, 50);
      if (entries.length !== Math.min(50, records)) throw new Error(`${entries.length} entries listed`);
    },
  };
  const measures = await ask(questionsByKind[textParam(params, 'kind')]!);
  await ledger.close();
  return measures;
}
