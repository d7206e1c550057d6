/**
 * What the ledger's own records tell a verifier: a new key from here on, or a sanctioned truncation.
 *
 * Only records by the ledger itself count; applications cannot use its actor or its actions.
 *
 * Source:  docs/format/record.md, "The ledger's own records".
 * Pure:    no I/O.
 */

export interface LedgerNotice {
  readonly seq: number;
  /** Records behind this one are sealed with this key. */
  readonly next_key_id?: string;
  /** Records below `keep_from` may be gone; the first one kept links to `prev_hash`. */
  readonly truncation?: { readonly keep_from: number; readonly prev_hash: string };
}

const decoder = new TextDecoder();

interface OwnRecord {
  readonly action: string;
  readonly seq: number;
  readonly actor?: { readonly type?: unknown; readonly id?: unknown };
  readonly data?: {
    readonly keep_from?: unknown;
    readonly prev_hash?: unknown;
    readonly config?: { readonly keys?: readonly { readonly key_id?: unknown }[] };
  };
}

/** The notice in a canonical record, or null when it gives none. */
export function readNotice(body: Uint8Array): LedgerNotice | null {
  const record = JSON.parse(decoder.decode(body)) as OwnRecord;
  if (record.actor?.type !== 'service' || record.actor.id !== 'indelible') return null;
  const { data, seq } = record;
  if (record.action === 'ledger.key_rotated') {
    const keys = data?.config?.keys;
    const key_id = Array.isArray(keys) ? keys.at(-1)?.key_id : undefined;
    return typeof key_id === 'string' ? { seq, next_key_id: key_id } : null;
  }
  if (record.action === 'ledger.truncated') {
    const keep_from = data?.keep_from;
    const prev_hash = data?.prev_hash;
    if (typeof keep_from !== 'number' || typeof prev_hash !== 'string') return null;
    return { seq, truncation: { keep_from, prev_hash } };
  }
  return null;
}
