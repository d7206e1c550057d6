import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { threadId } from 'node:worker_threads';
import { ThisThread } from '../../packages/indelible/src/this-thread.ts';
import { Thread } from '../../packages/indelible/src/threads.ts';
import { root } from '../support/root.ts';

const WORK = new URL('./lent-work.ts', import.meta.url);

interface Said {
  readonly setup: string;
  readonly message: string;
  readonly threadId: number;
}

/** A borrowed thread, or this one, that can be asked. */
function borrow(setup: string, module = WORK, Place: typeof Thread | typeof ThisThread = Thread) {
  const heard = new EventTarget();
  const said: Said[] = [];
  let ended: unknown = null;
  const thread = new Place(module, setup, {
    onMessage(message) {
      said.push(message as Said);
      heard.dispatchEvent(new Event('more'));
    },
    onEnd(cause) {
      ended = cause;
      heard.dispatchEvent(new Event('end'));
    },
  });
  thread.ref();
  return {
    thread,
    async ask(message: string): Promise<Said> {
      const answered = once(heard, 'more');
      thread.post(message);
      await answered;
      return said.at(-1)!;
    },
    async death(): Promise<unknown> {
      if (ended === null) await once(heard, 'end');
      return ended;
    },
  };
}

test('a thread that was given back serves the next borrower, with its own setup', async () => {
  const first = borrow('first');
  const { threadId, setup } = await first.ask('end');
  assert.equal(setup, 'first');
  first.thread.giveBack();
  const second = borrow('second');
  assert.deepEqual(await second.ask('end'), { setup: 'second', message: 'end', threadId });
  second.thread.giveBack();
});

test('two borrowers at once have a thread each', async () => {
  const [first, second] = [borrow('a'), borrow('b')];
  const answers = await Promise.all([first.ask('end'), second.ask('end')]);
  assert.notEqual(answers[0].threadId, answers[1].threadId);
  first.thread.giveBack();
  second.thread.giveBack();
});

test('a thread that dies tells its borrower why, and is lent to nobody again', async () => {
  const dying = borrow('dying');
  const { threadId } = await dying.ask('hello');
  dying.thread.post('die');
  assert.match(String(await dying.death()), /as it was told to/);
  dying.thread.giveBack();
  const next = borrow('next');
  assert.notEqual((await next.ask('end')).threadId, threadId);
  next.thread.giveBack();
});

test('a module that is not there ends the thread, and the borrower hears of it', async () => {
  const lost = borrow('lost', new URL('./no-such-module.ts', import.meta.url));
  assert.match(String(await lost.death()), /no-such-module/);
});

test('this thread does the work as another would', async () => {
  const here = borrow('here', WORK, ThisThread);
  assert.deepEqual(await here.ask('hello'), { setup: 'here', message: 'hello', threadId });
  assert.deepEqual(await here.ask('end'), { setup: 'here', message: 'end', threadId });
  here.thread.giveBack();
  const lost = borrow('lost', new URL('./no-such-module.ts', import.meta.url), ThisThread);
  assert.match(String(await lost.death()), /no-such-module/);
});

test('neither a lent nor an idle thread keeps a process from ending, nor does work in this one', () => {
  const script = `
    import { Thread } from ${JSON.stringify(new URL('../../packages/indelible/src/threads.ts', import.meta.url).href)};
    import { ThisThread } from ${JSON.stringify(new URL('../../packages/indelible/src/this-thread.ts', import.meta.url).href)};
    const work = new URL(${JSON.stringify(WORK.href)});
    new Thread(work, 'lent', { onMessage() {}, onEnd() {} });
    new ThisThread(work, 'here', { onMessage() {}, onEnd() {} });
    const idle = new Thread(work, 'idle', { onMessage() { idle.giveBack(); console.log('over'); }, onEnd() {} });
    idle.ref();
    idle.post('end');`;
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--conditions=source', '--input-type=module', '-e', script],
    { cwd: root, encoding: 'utf8', timeout: 20_000 },
  );
  assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: 'over\n', stderr: '' });
});
