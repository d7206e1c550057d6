/** Answers that hold no error that the SDK could name: what a person is told is the status, and what was being done. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { isIndelibleError } from '@indelible/core';
import { Bucket } from '../../packages/indelible/src/s3/bucket.ts';
import { Server } from '../../packages/indelible/src/s3/client.ts';

const NOT_VERSIONED = '<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"/>';
const CASES = [
  [403, '', 'STORE_READ_ONLY', 'that is not allowed with these credentials (getting k: HTTP 403)'],
  [400, '<html>no</html>', 'STORE_UNAVAILABLE', 'the server refused (getting k: HTTP 400)'],
  [
    500,
    '<Error><Code>Odd</Code></Error>',
    'STORE_UNAVAILABLE',
    'the server failed (getting k: HTTP 500 Odd)',
  ],
  [
    502,
    'bad gateway',
    'STORE_UNAVAILABLE',
    'the server failed (getting k: HTTP 502 @aws-sdk XML parse error: unexpected content.)',
  ],
] as const;

test('a refusal without words is told by its status', async (t) => {
  let answer: readonly [status: number, body: string];
  const http = createServer(({ url, method }, response) => {
    const [status, body] = url?.includes('versioning') ? ([200, NOT_VERSIONED] as const) : answer;
    response.writeHead(status, { 'content-type': 'application/xml' });
    response.end(method === 'HEAD' ? undefined : body);
  }).listen(0, '127.0.0.1');
  await once(http, 'listening');
  const { port } = http.address() as AddressInfo;
  const server = await Server.connect(
    { endpoint: `http://127.0.0.1:${port}`, region: 'us-east-1' },
    { attempts_max: 1, credentials: async () => ({ accessKeyId: 'test', secretAccessKey: 'test' }) },
  );
  t.after(() => {
    server.close();
    http.close();
  });
  const bucket = await Bucket.open(server, 'bkt');
  for (const [status, body, code, words] of CASES) {
    answer = [status, body];
    await assert.rejects(bucket.get('k'), (error) => {
      assert.ok(isIndelibleError(error, code), String(error));
      assert.equal(error.message, `s3://bkt: ${words}`);
      return true;
    });
    // The answer to HEAD has no body.
    await assert.rejects(bucket.head('k'), { message: new RegExp(`looking at k: HTTP ${status}\\)$`) });
  }
});
