/**
 * Reading bodies: strictly, and never more than the stated limits.
 *
 * JSON is parsed by core: a member named twice or a number that a double cannot hold would be changed silently by
 * JSON.parse, and then the record would differ from what was sent. NDJSON is handed on as a stream.
 *
 * Errors:  JSON errors, BODY_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE (also for compressed bodies).
 */
import { IndelibleError, type Json, parseJson } from '@indelible/core';
import type { App } from './app.ts';
import { LIMITS_HTTP } from './options.ts';

export const NDJSON_TYPES = ['application/x-ndjson', 'application/ndjson', 'application/jsonl'];

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Bytes as JSON, strictly. */
export function parseBytes(bytes: Uint8Array): Json {
  let text: string;
  try {
    text = decoder.decode(bytes);
  } catch {
    throw new IndelibleError('JSON_INVALID', 'the bytes are not UTF-8');
  }
  return parseJson(text);
}

/** Replaces Fastify's parsers. */
export function installBodies(app: App): void {
  app.removeAllContentTypeParsers();
  app.addHook('onRequest', async (request) => {
    const encoding = request.headers['content-encoding'];
    if (encoding !== undefined && encoding !== 'identity') {
      throw new IndelibleError('UNSUPPORTED_MEDIA_TYPE', 'compressed bodies are not taken');
    }
  });
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer', bodyLimit: LIMITS_HTTP.json_bytes },
    async (_request: unknown, body: Buffer) => parseBytes(body),
  );
  app.addContentTypeParser(NDJSON_TYPES, (request, payload, done) => {
    const declared = Number(request.headers['content-length'] ?? 0);
    if (declared > LIMITS_HTTP.ndjson_bytes) {
      done(
        new IndelibleError(
          'BODY_TOO_LARGE',
          `a body of ${declared} bytes is over the ${LIMITS_HTTP.ndjson_bytes} that NDJSON may have`,
        ),
      );
      return;
    }
    done(null, payload);
  });
}
