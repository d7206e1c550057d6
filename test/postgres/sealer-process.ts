/** A sealer as a process of its own, until SIGTERM. Says `leads` whenever it has become the leader. */
import { openOutboxSealer } from '../../packages/indelible/src/compose.ts';

const [url = ''] = process.argv.slice(2);
const say = (message: string): void => {
  if (message.includes('this process seals')) process.stdout.write('leads\n');
};
const log = { info: (_: object, message: string) => say(message), warn() {}, error() {} };
const sealer = (await openOutboxSealer(url, { log, lease_s: 1 }))!;
sealer.start();
process.once('SIGTERM', () => void sealer.close());
