/**
 * URLs of places in an S3 bucket: `s3://bucket/prefix?endpoint=…&region=…&lock=…&retention_days=…`.
 *
 *     endpoint        of a server other than AWS; https, or http to this machine
 *     plain_http      true: http also to other machines
 *     region          default: as the SDK finds it; us-east-1 with an endpoint
 *     worm            required (default), preferred, off
 *     lock            compliance (default) or governance, with retention_days
 *     retention_days  how long each object is kept from being deleted; default: the bucket's own rule
 *     legal_hold      true: keeps each object until somebody lifts that hold
 *     head_bucket     another bucket, not versioned, that decides between writers
 *
 * Credentials never stand in a URL: the SDK finds them where it always does.
 *
 * Errors:  the code that the caller asks for (LEDGER_URL, ANCHOR_URL); nothing that may be a secret is repeated.
 * Pure:    no I/O.
 */
import { type ErrorCode, IndelibleError, isIndelibleError } from '@indelible/core';
import { outboundUrl } from '../outbound.ts';

export type Worm = 'required' | 'preferred' | 'off';
export type LockMode = 'COMPLIANCE' | 'GOVERNANCE';

/** How objects are to be kept from being changed. */
export interface LockWish {
  readonly worm: Worm;
  /** Null: as the bucket's own rule says. */
  readonly retention: { readonly mode: LockMode; readonly days: number } | null;
  readonly legal_hold: boolean;
}

/** Where the server is. */
export interface S3Server {
  /** Null: AWS. */
  readonly endpoint: string | null;
  readonly region: string | null;
}

export interface S3Place extends S3Server {
  readonly bucket: string;
  /** Empty, or ending in a slash. */
  readonly prefix: string;
  readonly lock: LockWish;
  readonly head_bucket: string | null;
  /** The place as messages show it. */
  readonly url: string;
}

const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
const SEGMENT = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,128}$/;
const PREFIX_LENGTH_MAX = 512;
const DAYS_MAX = 36_500;
const OPTIONS = [
  ...['endpoint', 'plain_http', 'region'],
  ...['worm', 'lock', 'retention_days', 'legal_hold', 'head_bucket'],
] as const;
type Option = (typeof OPTIONS)[number];

/** Takes the URL of a place apart. `allowed` are the options that the caller has a use for. */
export function parseS3Url(
  url: string,
  code: ErrorCode,
  { head_bucket = false }: { readonly head_bucket?: boolean } = {},
): S3Place {
  const parser = new Parser(code);
  const match = /^s3:\/\/([^/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/.exec(url);
  if (match === null) throw parser.fault('a place in a bucket is s3://bucket/prefix');
  const [, bucket = '', path = '', query = ''] = match;
  if (bucket.includes('@'))
    throw parser.fault('credentials do not belong in a URL: the SDK finds them in its usual places');
  if (!BUCKET.test(bucket)) throw parser.fault('s3:// is followed by the name of a bucket');
  const segments = path === '' ? [] : path.replace(/\/$/, '').split('/');
  if (path.length > PREFIX_LENGTH_MAX || !segments.every((segment) => SEGMENT.test(segment)))
    throw parser.fault('a prefix has letters, digits, dots, dashes and underscores between its slashes');
  parser.read(query, head_bucket);
  const prefix = segments.map((segment) => `${segment}/`).join('');
  const endpoint = parser.endpoint();
  const region = parser.text('region', /^[a-z0-9-]{1,64}$/, 'a region is a name such as eu-central-1');
  const chosen = parser.text('head_bucket', BUCKET, 'head_bucket is the name of a bucket');
  if (chosen === bucket) throw parser.fault('head_bucket is another bucket than that of the records');
  const shown = endpoint === null ? '' : `?endpoint=${endpoint}`;
  return {
    bucket,
    prefix,
    endpoint,
    region: region ?? (endpoint === null ? null : 'us-east-1'),
    lock: parser.lock(),
    head_bucket: chosen,
    url: `s3://${bucket}${prefix === '' ? '' : `/${prefix.slice(0, -1)}`}${shown}`,
  };
}

class Parser {
  readonly #code: ErrorCode;
  readonly #options = new Map<Option, string>();

  constructor(code: ErrorCode) {
    this.#code = code;
  }

  fault(message: string): IndelibleError {
    return new IndelibleError(this.#code, message);
  }

  read(query: string, head_bucket: boolean): void {
    for (const [name, value] of new URLSearchParams(query)) {
      const known: readonly string[] = head_bucket ? OPTIONS : OPTIONS.filter((one) => one !== 'head_bucket');
      if (!known.includes(name))
        throw this.fault(`s3: takes no ${name.slice(0, 40)}; it takes ${known.join(', ')}`);
      if (this.#options.has(name as Option)) throw this.fault(`s3: takes ${name} once`);
      this.#options.set(name as Option, value);
    }
  }

  text(name: Option, form: RegExp, says: string): string | null {
    const value = this.#options.get(name);
    if (value === undefined) return null;
    if (!form.test(value)) throw this.fault(says);
    return value;
  }

  #flag(name: Option): boolean {
    return this.text(name, /^(?:true|false)$/, `${name} is true or false`) === 'true';
  }

  endpoint(): string | null {
    const plain_http = this.#flag('plain_http');
    const text = this.#options.get('endpoint');
    if (text === undefined) return null;
    try {
      const url = outboundUrl(text, { plain_http });
      if (url.pathname !== '/') throw this.fault('an endpoint has no path');
      return url.origin;
    } catch (error) {
      throw isIndelibleError(error) ? this.fault(error.message) : error;
    }
  }

  lock(): LockWish {
    const worm = this.text('worm', /^(?:required|preferred|off)$/, 'worm is required, preferred or off');
    const mode = this.text('lock', /^(?:compliance|governance)$/, 'lock is compliance or governance');
    const days = this.text('retention_days', /^[1-9][0-9]{0,4}$/, 'retention_days is a whole number of days');
    if (days !== null && Number(days) > DAYS_MAX) throw this.fault(`retention_days is at most ${DAYS_MAX}`);
    const legal_hold = this.#flag('legal_hold');
    if (mode !== null && days === null) throw this.fault('lock needs retention_days');
    if (worm === 'off' && (days !== null || legal_hold))
      throw this.fault('worm=off goes with neither retention_days nor legal_hold');
    return {
      worm: (worm ?? 'required') as Worm,
      retention:
        days === null
          ? null
          : { mode: mode === 'governance' ? 'GOVERNANCE' : 'COMPLIANCE', days: Number(days) },
      legal_hold,
    };
  }
}
