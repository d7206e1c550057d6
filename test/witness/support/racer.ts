/**
 * A process that asks for many checkpoints of one log through its own handler, on a state that others share.
 * Arguments: folder, which history. Prints a line of JSON for each answer.
 */
import { Witness } from '../../../packages/indelible/src/witness/handler.ts';
import { parseKnownLogs } from '../../../packages/indelible/src/witness/known-logs.ts';
import { WitnessState } from '../../../packages/indelible/src/witness/state.ts';
import { LOG_VKEY, signerOf } from '../../monitor/support/served-log.ts';
import { type Branch, requestFor } from './log.ts';

const [folder = '', branch = '0'] = process.argv.slice(2);
const state = new WitnessState(folder);
const witness = new Witness({
  state,
  logs: parseKnownLogs(LOG_VKEY),
  signers: [signerOf('w.example/1', 'ed25519_cosignature', 21)],
  rate: { burst: 1e6, per_second: 1e6 },
});
const history = Number(branch) as Branch;
const handle = async (old_size: number, size: number): Promise<{ status: number; body: string }> => {
  const body = Buffer.from(await requestFor(old_size, size, history));
  return witness.handle({ method: 'POST', path: '/add-checkpoint', body, client: 'racer' });
};
process.stdout.write('ready\n');
process.stdin.once('data', async () => {
  // From the common beginning on, each history claims the same sizes.
  const asked = Array.from({ length: 10 }, async (_, i) => {
    const size = 101 + i * 7;
    let from = 0;
    for (let attempt = 0; attempt < 30; attempt++) {
      const { status, body } = await handle(from, size);
      if (status === 200) return { size, branch: history, status, body };
      if (status !== 409) return { size, branch: history, status };
      from = Number(body);
      if (from > size) return { size, branch: history, status };
    }
    return { size, branch: history, status: 0 };
  });
  for (const answer of await Promise.all(asked)) process.stdout.write(`${JSON.stringify(answer)}\n`);
  state.close();
  process.stdin.destroy();
});
