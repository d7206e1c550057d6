/**
 * Signs a request to an S3 server again, for who stands between it and its client and has taken headers out.
 *
 * Source:  AWS Signature Version 4.
 */
import { createHash, createHmac } from 'node:crypto';
import type { S3Credentials } from './s3-server.ts';

export interface SignedRequest {
  readonly method: string;
  /** As sent, with the query. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** The headers without these, and with an Authorization that fits. */
export function signAgain(
  { method, url, headers }: SignedRequest,
  without: readonly string[],
  { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY }: S3Credentials,
): Record<string, string> {
  const kept = Object.fromEntries(Object.entries(headers).filter(([name]) => !without.includes(name)));
  const [, scope = '', signed = ''] =
    /Credential=[^/]+\/([^,]+), ?SignedHeaders=([^,]+)/.exec(headers.authorization ?? '') ?? [];
  const names = signed.split(';').filter((name) => !without.includes(name));
  const [path = '', query = ''] = url.split('?');
  const canonical = [
    ...[method, path, query.split('&').sort().join('&')],
    ...names.map((name) => `${name}:${kept[name]!.trim()}`),
    ...['', names.join(';'), kept['x-amz-content-sha256']],
  ].join('\n');
  const hash = createHash('sha256').update(canonical).digest('hex');
  const text = ['AWS4-HMAC-SHA256', kept['x-amz-date'], scope, hash].join('\n');
  const hmac = (key: string | Buffer, data: string) => createHmac('sha256', key).update(data).digest();
  const key = scope.split('/').reduce<string | Buffer>(hmac, `AWS4${AWS_SECRET_ACCESS_KEY}`);
  const signature = hmac(key, text).toString('hex');
  const credential = `Credential=${AWS_ACCESS_KEY_ID}/${scope}`;
  const authorization = `AWS4-HMAC-SHA256 ${credential}, SignedHeaders=${names.join(';')}, Signature=${signature}`;
  return { ...kept, authorization };
}
