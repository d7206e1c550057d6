/** Having checkpoints cosigned: real witnesses over real servers, and witnesses that fail, dawdle or lie. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, test } from 'node:test';
import {
  checkpointVerifier,
  formatNote,
  formatSignatureLine,
  formatVerifierKey,
  type IndelibleError,
  type NoteSigner,
  openNote,
  parseNote,
  parsePolicy,
  SIGNATURES,
  signCheckpoint,
} from '@indelible/core';
import { WitnessClient, type WitnessClientOptions } from '../../packages/indelible/src/witness/client.ts';
import { Witness } from '../../packages/indelible/src/witness/handler.ts';
import { parseKnownLogs } from '../../packages/indelible/src/witness/known-logs.ts';
import { serveWitness } from '../../packages/indelible/src/witness/serve.ts';
import { WitnessState } from '../../packages/indelible/src/witness/state.ts';
import { LOG_VKEY, signerOf } from '../monitor/support/served-log.ts';
import { checkpointAt, proofOf } from './support/log.ts';

const W1 = signerOf('w.example/1', 'ed25519_cosignature', 21);
const W2 = signerOf('w.example/2', 'ml_dsa_44_cosignature', 22);
const W3 = signerOf('w.example/3', 'ed25519_cosignature', 23);

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

interface Running {
  readonly url: string;
  readonly bodies: string[];
}

/** A real witness; `bodies` are the first lines of the requests it got. */
async function startWitness(signers: readonly NoteSigner[]): Promise<Running> {
  const folder = mkdtempSync(join(tmpdir(), 'indelible-cosign-'));
  const state = new WitnessState(folder);
  const witness = new Witness({ state, logs: parseKnownLogs(LOG_VKEY), signers });
  const bodies: string[] = [];
  const handle = witness.handle.bind(witness);
  witness.handle = (request) => {
    bodies.push(Buffer.from(request.body).toString().split('\n', 1)[0]!);
    return handle(request);
  };
  const server = await serveWitness({ witness, port: 0 });
  cleanups.push(async () => {
    await server.close();
    state.close();
    rmSync(folder, { recursive: true });
  });
  return { url: server.url, bodies };
}

/** Something that answers as a test likes. */
async function startServer(
  answer: (request: IncomingMessage, response: ServerResponse, body: string) => unknown,
): Promise<Running> {
  const bodies: string[] = [];
  const server = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => {
      const body = Buffer.concat(pieces).toString();
      bodies.push(body.split('\n', 1)[0]!);
      answer(request, response, body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, bodies };
}

type Member = readonly [signer: NoteSigner, url: string];
function clientOf(
  members: readonly Member[],
  k: number | string,
  options: Partial<WitnessClientOptions> = {},
): WitnessClient {
  const lines = members.map(([{ key }, url], i) => `witness w${i} ${formatVerifierKey(key)} ${url}\n`);
  const names = members.map((_, i) => `w${i}`).join(' ');
  const policy = parsePolicy(`${lines.join('')}group g ${k} ${names}\nquorum g\n`);
  return new WitnessClient({ policy, random: () => 0.5, ...options });
}

const never = new AbortController().signal;
const cosign = async (
  client: WitnessClient,
  size: number,
  signal = never,
): Promise<{ note: string; meets_policy: boolean; faults: readonly string[] }> =>
  client.cosign(await checkpointAt(size), async (from) => proofOf(from, size), signal);

function cosignersOf(note: string): string[] {
  const verifiers = [W1, W2, W3].map(({ key }) => checkpointVerifier(key, SIGNATURES));
  const parsed = parseNote(note);
  if (parsed.signatures.length === 1) return [];
  return openNote(parsed, verifiers).map(({ key }) => key.name);
}

test('three witnesses cosign, as the log grows; sizes are remembered', async () => {
  const [a, b, c] = [await startWitness([W1]), await startWitness([W2]), await startWitness([W3])];
  const client = clientOf(
    [
      [W1, a.url],
      [W2, b.url],
      [W3, `${c.url}/`],
    ],
    'all',
  );
  for (const size of [5, 150, 150, 300]) {
    const { note, meets_policy, faults } = await cosign(client, size);
    assert.deepEqual([meets_policy, faults], [true, []]);
    assert.deepEqual(cosignersOf(note).sort(), ['w.example/1', 'w.example/2', 'w.example/3']);
    assert.ok(note.startsWith(await checkpointAt(size)), 'the log’s own signature stays first');
  }
  assert.deepEqual(a.bodies, ['old 0', 'old 5', 'old 150', 'old 150']);
});

test('a client that forgot is told the size by 409, and asks once more', async () => {
  const a = await startWitness([W1]);
  await cosign(clientOf([[W1, a.url]], 1), 150);
  const { meets_policy, faults } = await cosign(clientOf([[W1, a.url]], 1), 300);
  assert.deepEqual([meets_policy, faults], [true, []]);
  assert.deepEqual(a.bodies, ['old 0', 'old 0', 'old 150']);
  const older = await cosign(clientOf([[W1, a.url]], 1), 200);
  assert.equal(older.meets_policy, false);
  assert.match(older.faults[0]!, /has cosigned 300 records already/);
});

test('a witness with two keys is asked once, and counts for both', async () => {
  const second = signerOf('w.example/1', 'ml_dsa_44_cosignature', 40);
  const a = await startWitness([W1, second]);
  const { note, meets_policy } = await cosign(
    clientOf(
      [
        [W1, a.url],
        [second, a.url],
      ],
      2,
    ),
    5,
  );
  assert.equal(meets_policy, true);
  assert.equal(parseNote(note).signatures.length, 3);
  assert.equal(a.bodies.length, 1);
});

test('two of three: one that is down, lies or never answers holds up nobody', async () => {
  const [a, b] = [await startWitness([W1]), await startWitness([W2])];
  const lying = signerOf('w.example/3', 'ed25519_cosignature', 66);
  const bad: Record<string, (request: IncomingMessage, response: ServerResponse, body: string) => unknown> = {
    down: (request) => request.socket.destroy(),
    'slow-loris': (_, response) => response.writeHead(200).write('— '),
    unfriendly: (_, response) => response.writeHead(403).end('no\n'),
    'another key': async (_, response, body) => {
      const { text } = parseNote(body.slice(body.indexOf('\n\n') + 2));
      const made = await signCheckpoint(text, lying, 1_700_000_000);
      response.writeHead(200).end(`${formatSignatureLine({ ...made, key_id: W3.key.key_id })}\n`);
    },
    'an unknown key': async (_, response, body) => {
      const { text } = parseNote(body.slice(body.indexOf('\n\n') + 2));
      response
        .writeHead(200)
        .end(`${formatSignatureLine(await signCheckpoint(text, lying, 1_700_000_000))}\n`);
    },
    noise: (_, response) => response.writeHead(200).end('<html>welcome</html>\n'),
    endless: (_, response) => response.writeHead(200).end('x'.repeat(200_000)),
    elsewhere: (_, response) => response.writeHead(307, { location: a.url }).end(),
    'a size without its type': (_, response) => response.writeHead(409).end('5\n'),
    'a huge size': (_, response) =>
      response.writeHead(409, { 'content-type': 'text/x.tlog.size' }).end('9007199254740991\n'),
    'ever another size': (_, response) =>
      response.writeHead(409, { 'content-type': 'text/x.tlog.size' }).end('1\n'),
  };
  for (const [name, answer] of Object.entries(bad)) {
    const c = await startServer(answer);
    const client = clientOf(
      [
        [W1, a.url],
        [W2, b.url],
        [W3, c.url],
      ],
      2,
      { grace_ms: 5_000, timeout_ms: 1_000 },
    );
    const { note, meets_policy, faults } = await cosign(client, 300);
    assert.equal(meets_policy, true, name);
    assert.deepEqual(cosignersOf(note).sort(), ['w.example/1', 'w.example/2'], name);
    assert.equal(faults.length, 1, name);
    assert.match(faults[0]!, /^the witness w\.example\/3: /, name);
    assert.ok(c.bodies.length <= 2, `${name}: asked at most twice`);
  }
});

test('a cosignature of the future, or without a time, is not taken', async () => {
  for (const [signer, time] of [
    [W1, 4_000_000_000],
    [W2, 0],
  ] as const) {
    const c = await startServer(async (_, response, body) => {
      const { text } = parseNote(body.slice(body.indexOf('\n\n') + 2));
      response.writeHead(200).end(`${formatSignatureLine(await signCheckpoint(text, signer, time))}\n`);
    });
    const { meets_policy, faults } = await cosign(clientOf([[signer, c.url]], 1), 5);
    assert.equal(meets_policy, false);
    assert.match(faults[0]!, /future|without a time/);
  }
});

test('signatures of unknown keys beside the known one are passed over', async () => {
  const stranger = signerOf('w.example/9', 'ed25519_cosignature', 77);
  const a = await startWitness([stranger, W1]);
  const { note, meets_policy } = await cosign(clientOf([[W1, a.url]], 1), 5);
  assert.equal(meets_policy, true);
  assert.deepEqual(
    parseNote(note).signatures.map(({ name }) => name),
    ['example.com/log', 'w.example/1'],
  );
});

test('once the policy is met, a slow witness is not waited for', async () => {
  const a = await startWitness([W1]);
  const slow = await startServer(() => {});
  const client = clientOf(
    [
      [W1, a.url],
      [W3, slow.url],
    ],
    1,
    { grace_ms: 1, timeout_ms: 60_000 },
  );
  const { meets_policy, faults } = await cosign(client, 5);
  assert.deepEqual([meets_policy, faults], [true, []]);
});

test('a failing witness is left alone for a while, longer each time, and then asked again', async () => {
  let now = Date.now();
  let healthy = false;
  const a = await startWitness([W1]);
  const gate = await startServer(async (request, response, body) => {
    if (!healthy) return response.writeHead(500).end();
    const answer = await fetch(a.url + request.url!, { method: 'POST', body });
    return response.writeHead(answer.status).end(await answer.text());
  });
  const client = clientOf([[W1, gate.url]], 1, { clock: () => now });
  const asked = (): number => gate.bodies.length;
  await cosign(client, 5);
  assert.equal(asked(), 1);
  const left_alone = await cosign(client, 5);
  assert.match(left_alone.faults[0]!, /left alone until .*: refuses with status 500/);
  assert.equal(asked(), 1);
  now += 1000;
  await cosign(client, 5);
  assert.equal(asked(), 2);
  now += 1000;
  await cosign(client, 5);
  assert.equal(asked(), 2, 'two seconds after the second failure');
  now += 1000;
  healthy = true;
  assert.equal((await cosign(client, 5)).meets_policy, true);
  assert.equal((await cosign(client, 6)).meets_policy, true, 'and all is forgotten');
});

test('no proof, or the caller’s impatience, is not held against a witness', async () => {
  const a = await startWitness([W1]);
  const client = clientOf([[W1, a.url]], 1);
  await cosign(client, 5);
  const failing = await client.cosign(
    await checkpointAt(150),
    async () => {
      throw new Error('the tree is being built');
    },
    never,
  );
  assert.match(failing.faults[0]!, /the tree is being built/);
  const stopped = await cosign(client, 150, AbortSignal.abort());
  assert.equal(stopped.meets_policy, false);
  assert.equal((await cosign(client, 150)).meets_policy, true);
});

test('older cosignatures of the same key make way; a policy already met is met without answers', async () => {
  const a = await startWitness([W1]);
  const first = await cosign(clientOf([[W1, a.url]], 1), 5);
  const client = clientOf([[W1, a.url]], 1);
  const again = await client.cosign(first.note, async (from) => proofOf(from, 5), never);
  assert.equal(parseNote(again.note).signatures.length, 2);
  const down = await startServer((request) => request.socket.destroy());
  const offline = clientOf([[W1, down.url]], 1);
  const kept = await offline.cosign(first.note, async () => [], never);
  assert.deepEqual([kept.meets_policy, kept.note], [true, first.note]);
});

test('a wrong cosignature that a note came with does not count', async () => {
  const down = await startServer((request) => request.socket.destroy());
  const { text, signatures } = parseNote(await checkpointAt(5));
  const forged = { name: W1.key.name, key_id: W1.key.key_id, signature: new Uint8Array(72) };
  const note = formatNote({ text, signatures: [...signatures, forged] });
  const { meets_policy } = await clientOf([[W1, down.url]], 1).cosign(note, async () => [], never);
  assert.equal(meets_policy, false);
});

test('addresses: https, or this machine; a policy that needs witnesses names where they are', () => {
  const refuses = (url: string, code: string): void => {
    assert.throws(
      () => clientOf([[W1, url]], 1),
      (error: IndelibleError) => error.code === code,
    );
  };
  refuses('http://w.example', 'REMOTE_URL');
  refuses('https://user:secret@w.example', 'REMOTE_URL');
  refuses('', 'WITNESS_CONFIG');
  clientOf([[W1, 'https://w.example/prefix']], 1);
  clientOf([[W1, 'http://localhost:1']], 1);
});
