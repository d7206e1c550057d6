/**
 * A process with an engine of its own on a ledger that others write to: applies each operation whose id is a line of its
 * input, and says what came of it. Its system is its own, so nothing but the ledger keeps two of these from doing the
 * same thing twice; each effect leaves a line in a file that all of them append to.
 */
import '../../support/package-conditions.ts';
import { appendFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { isIndelibleError } from '@indelible/core';
import { MemoryConnector, MemorySystem } from '../memory-connector.ts';
import { RUNNER, World } from '../world.ts';

const [url, effects] = process.argv.slice(2) as [string, string];

class SharedSystem extends MemorySystem {
  override set(key: string, value: number | null): void {
    super.set(key, value);
    appendFileSync(effects, `${key}\n`);
  }
}

const closing: (() => unknown)[] = [];
const world = await World.open({ after: (close) => void closing.push(close as () => unknown) }, {}, url);
world.connectors.set('memory', new MemoryConnector(new SharedSystem()));
const engine = world.another({ holder: `process ${process.pid}` });
process.stdout.write('ready\n');
for await (const operation_id of createInterface({ input: process.stdin })) {
  const came = await engine.apply(operation_id, { actor: RUNNER }).then(
    ({ state }) => state,
    (error: unknown) => (isIndelibleError(error) ? error.code : String(error)),
  );
  process.stdout.write(`${came}\n`);
}
for (const close of closing) await close();
