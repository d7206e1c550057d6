/** A signal ends a command, also while a store hangs: who stops it must not have to kill it. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type ExitCode, INTERRUPTED } from '../../packages/indelible/src/cli/failure.ts';
import { createProgram } from '../../packages/indelible/src/cli/program.ts';
import { type Handler, Shell } from '../../packages/indelible/src/cli/shell.ts';

const LEAVE_MS = 25_000;

/** Starts a command and sends this process the signal. `left` are the codes that the process would have ended with. */
async function interrupted(t: TestContext, name: string, handler: Handler<object>) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const said: string[] = [];
  t.mock.method(process.stderr, 'write', (text: string) => said.push(text) > 0);
  const left: ExitCode[] = [];
  const shell = new Shell({}, { ms_max: LEAVE_MS, exit: (code) => left.push(code) });
  const program = await createProgram(shell, '');
  shell.command(program, name, 'for this test', handler);
  const running = program.parseAsync([name], { from: 'user' });
  process.emit('SIGTERM');
  return { running, shell, said, left };
}

test('one whose store keeps silent leaves with 3, and says why', async (t) => {
  const { promise: silent, resolve: answer } = Promise.withResolvers<ExitCode>();
  const { running, left, said } = await interrupted(t, 'follow', () => silent);
  assert.deepEqual(left, []);
  t.mock.timers.tick(LEAVE_MS);
  assert.deepEqual(left, [3]);
  assert.match(
    said.join(''),
    /^error STORE_UNAVAILABLE: interrupted, and not ended 25 s later, .*acknowledged/,
  );
  // Here the process goes on, and listens for signals until then.
  answer(0);
  await running;
});

test('one that ends keeps its own code, also when a connection would keep the process', async (t) => {
  const { running, left, said } = await interrupted(t, 'follow', async ({ signal }) => {
    signal.throwIfAborted();
    await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    return 0;
  });
  await running;
  t.mock.timers.tick(LEAVE_MS);
  assert.deepEqual([left, said], [[INTERRUPTED], ['interrupted\n']]);
});

test('what has begun to change another system is not left in the middle', async (t) => {
  const { promise: answered, resolve: answer } = Promise.withResolvers<ExitCode>();
  const { running, shell, left } = await interrupted(t, 'apply', () => answered);
  t.mock.timers.tick(10 * LEAVE_MS);
  answer(0);
  await running;
  assert.deepEqual([left, shell.exit_code], [[], 0]);
});
