/**
 * A process that goes on with an operation until it reaches a point, and kills itself there: no handler runs, nothing is
 * flushed, and nobody is told.
 *
 * It says when it is ready, so that loading it does not count, and takes one job as a line of JSON.
 */
import '../../support/package-conditions.ts';
import { createInterface } from 'node:readline';
import { openFolderAttachments } from '../../../packages/indelible/src/attachments/folder.ts';
import { openConnectors } from '../../../packages/indelible/src/compose/connectors.ts';
import { openLedger } from '../../../packages/indelible/src/compose.ts';
import { OperationEngine } from '../../../packages/indelible/src/operations/engine.ts';
import { LEDGER, RUNNER, START, TestPolicy } from '../world.ts';
import type { Job } from './kill.ts';

process.stdout.write('ready\n');
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const { value: line } = (await lines.next()) as { value: string };
const { url, snapshots, configuration, secret_values, operation_id, work, point, nth } = JSON.parse(
  line,
) as Job;

const secret = async (name: string) => secret_values[name] ?? '';
const clock = () => START;
let seen = 0;
const engine = new OperationEngine({
  ledger: await openLedger(url, { name: LEDGER, clock, create: false }),
  connectors: await openConnectors(configuration, secret),
  policy: new TestPolicy(),
  blobs: openFolderAttachments({ path: snapshots }),
  ...{ clock, secret },
  reached: async (reached) => {
    if (reached !== point || ++seen < nth) return;
    process.kill(process.pid, 'SIGKILL');
    await new Promise<never>(() => {});
  },
});
const ended = work === 'apply' ? await engine.apply(operation_id, { actor: RUNNER }) : await engine.recover();
process.stdout.write(`${JSON.stringify(ended)}\n`);
process.exit(0);
