/**
 * Anchor URLs: how a person names an anchor.
 *
 *     file:/mnt/elsewhere/anchors.jsonl
 *     sqlite:/mnt/elsewhere/anchors.db
 *     postgres://anchoring@db.example:5432/anchors
 *     https://receiver.example/hook#auditor
 *     tsa+https://tsa.example/tsr?roots=/etc/indelible/tsa.pem
 *     s3://bucket/anchors?retention_days=3650
 *
 * What follows `#` names the anchor in records, instead of its place.
 *
 * Errors:  ANCHOR_URL; the text itself is not repeated, since a webhook's address may be a secret.
 * Pure:    no I/O.
 */
import { IndelibleError } from '@indelible/core';
import { parseS3Url, type S3Place } from '../s3/place.ts';
import { checkAddress } from './shared/post.ts';

/** Where the secret of webhooks is kept. */
export const WEBHOOK_SECRET_VARIABLE = 'INDELIBLE_WEBHOOK_SECRET';

export type AnchorPlan =
  | { readonly kind: 'file'; readonly name: string; readonly path: string }
  | { readonly kind: 'database'; readonly name: string; readonly engine: 'sqlite'; readonly path: string }
  | {
      readonly kind: 'database';
      readonly name: string;
      readonly engine: 'postgres';
      /** Without a password. */
      readonly url: string;
    }
  | {
      readonly kind: 'webhook';
      readonly name: string;
      readonly url: string;
      /** Name of the environment variable; what it holds is read where the anchor is made. */
      readonly secret_variable: string;
    }
  | {
      readonly kind: 'timestamp';
      readonly name: string;
      readonly url: string;
      /** PEM file with the root certificates to trust. */
      readonly roots_path: string;
    }
  | { readonly kind: 's3'; readonly name: string; readonly place: S3Place };

const URL_LENGTH_MAX = 2048;
const NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/;
/** No password: a URL may end up in a configuration that many can read. */
const POSTGRES = /^postgres(?:ql)?:\/\/(?:[^@/?#:\s]*@)?([^@/?#\s]+\/[^@/?#\s]+)(?:\?[^#\s]*)?$/;
const SCHEMES = { 'file:': 'file', 'sqlite:': 'database' } as const;

/** Takes an anchor URL apart. */
export function parseAnchorUrl(text: string): AnchorPlan {
  if (text.length > URL_LENGTH_MAX) throw invalid(`an anchor URL has at most ${URL_LENGTH_MAX} characters`);
  if (/[\u0000-\u0020\u007f]/.test(text)) throw invalid('an anchor URL has no spaces; write %20');
  const [place, name] = cutName(text);
  if (place.startsWith('tsa+')) return timestampPlan(place.slice('tsa+'.length), name);
  if (/^https?:\/\//.test(place)) {
    const url = checkAddress(place);
    return {
      kind: 'webhook',
      name: `webhook:${name ?? url.host}`,
      url: url.href,
      secret_variable: WEBHOOK_SECRET_VARIABLE,
    };
  }
  if (place.startsWith('s3:')) {
    const bucket = parseS3Url(place, 'ANCHOR_URL');
    return {
      kind: 's3',
      name: `s3:${name ?? bucket.url.slice('s3://'.length).replace(/\?.*/, '')}`,
      place: bucket,
    };
  }
  if (/^postgres(?:ql)?:/.test(place)) return postgresPlan(place, name);
  const scheme = /^(?:file|sqlite):/.exec(place)?.[0] as keyof typeof SCHEMES | undefined;
  if (scheme === undefined)
    throw invalid('an anchor URL begins with file:, sqlite:, postgres:, https:, tsa+https: or s3:');
  return pathPlan(SCHEMES[scheme], place.slice(scheme.length), name);
}

function pathPlan(kind: 'file' | 'database', rest: string, name: string | null): AnchorPlan {
  if (rest.includes('?')) throw invalid('an anchor in a file takes no options');
  const path = wholePath(rest.replace(/^\/\/(?=\/)/, ''));
  const named = `${kind}:${name ?? path.replaceAll(/\s/g, '_')}`;
  return kind === 'file' ? { kind, name: named, path } : { kind, name: named, engine: 'sqlite', path };
}

/** Its options are the driver's. */
function postgresPlan(url: string, name: string | null): AnchorPlan {
  const database = POSTGRES.exec(url)?.[1];
  if (database === undefined) {
    throw invalid('the form is postgres://user@host:5432/database, the password in PGPASSWORD or ~/.pgpass');
  }
  return { kind: 'database', name: `database:${name ?? database}`, engine: 'postgres', url };
}

/** Where a service is started from changes; where its anchor and its roots lie must not. */
function wholePath(text: string): string {
  let path: string;
  try {
    path = decodeURIComponent(text);
  } catch {
    throw invalid('a % in a path is followed by two hex digits; write %25 for the sign itself');
  }
  if (!path.startsWith('/') || path.startsWith('//') || path.endsWith('/') || path.includes('\u0000')) {
    throw invalid('the path of a file is given whole: /folder/file');
  }
  return path;
}

function timestampPlan(text: string, name: string | null): AnchorPlan {
  const url = checkAddress(text);
  const roots = /^\?roots=([^&=]+)$/.exec(url.search)?.[1];
  if (roots === undefined) {
    throw invalid('a timestamp authority takes one option, and needs it: ?roots=/folder/file');
  }
  const roots_path = wholePath(roots);
  url.search = '';
  return { kind: 'timestamp', name: `timestamp:${name ?? url.host}`, url: url.href, roots_path };
}

function cutName(text: string): [place: string, name: string | null] {
  const hash = text.indexOf('#');
  if (hash < 0) return [text, null];
  const name = text.slice(hash + 1);
  if (!NAME.test(name))
    throw invalid('the name behind # has lower-case letters, digits, dots, dashes, underscores');
  return [text.slice(0, hash), name];
}

function invalid(message: string): IndelibleError {
  return new IndelibleError('ANCHOR_URL', message);
}
