/**
 * The records in which a log speaks of its signing keys.
 *
 *   ledger.signing_key_announced   data: { vkey, earlier: [vkey…] }
 *   ledger.signing_key_rotated     data: { from, to, note }
 *
 * The note of a rotation is signed by both keys, over
 *
 *   indelible/key-rotation/v1\n<origin>\n<old vkey>\n<new vkey>\n
 *
 * Errors:  none: what is no such record says nothing.
 */
import {
  type Event,
  ed25519Verifier,
  formatNote,
  type LedgerRecord,
  type NoteSigner,
  openNote,
  parseNote,
  parseVerifierKey,
  SIGNATURES,
  signText,
} from '@indelible/core';
import { isLedgersOwn, LEDGER_ACTOR } from '../ledger/config.ts';

export const KEY_ANNOUNCED = 'ledger.signing_key_announced';
export const KEY_ROTATED = 'ledger.signing_key_rotated';

/** What such a record says. */
export type KeyStatement =
  | { readonly kind: 'announced'; readonly vkey: string; readonly earlier: readonly string[] }
  | { readonly kind: 'rotated'; readonly from: string; readonly to: string };

/** The text that both keys sign. */
export function rotationText(origin: string, from: string, to: string): string {
  return `indelible/key-rotation/v1\n${origin}\n${from}\n${to}\n`;
}

/** Announces a key; `earlier` are those before it, newest first, when their own records are gone. */
export function announcedEvent(origin: string, vkey: string, earlier: readonly string[] = []): Event {
  return ownEvent(KEY_ANNOUNCED, origin, { vkey, earlier: [...earlier] });
}

/** Announces the change to another key, signed by both. */
export async function rotatedEvent(
  origin: string,
  from: { readonly vkey: string; readonly signer: NoteSigner },
  to: { readonly vkey: string; readonly signer: NoteSigner },
): Promise<Event> {
  const text = rotationText(origin, from.vkey, to.vkey);
  const signatures = [await signText(text, from.signer), await signText(text, to.signer)];
  const note = formatNote({ text, signatures });
  return ownEvent(KEY_ROTATED, origin, { from: from.vkey, to: to.vkey, note });
}

function ownEvent(action: string, origin: string, data: NonNullable<Event['data']>): Event {
  return { action, actor: LEDGER_ACTOR, resource: { type: 'ledger', id: origin }, data };
}

/** What a record of this log says about its keys, null for nothing. A rotation counts if both keys have signed it. */
export function statementOf(record: LedgerRecord): KeyStatement | null {
  if (!isLedgersOwn(record.actor) || typeof record.data !== 'object' || record.data === null) return null;
  const data = record.data as Readonly<Record<string, unknown>>;
  const origin = record.ledger;
  if (record.action === KEY_ANNOUNCED) {
    const { vkey, earlier = [] } = data;
    if (!Array.isArray(earlier) || ![vkey, ...earlier].every((one) => isKeyOf(origin, one))) return null;
    return { kind: 'announced', vkey: String(vkey), earlier: earlier.map(String) };
  }
  if (record.action !== KEY_ROTATED) return null;
  const { from, to, note } = data;
  if (!isKeyOf(origin, from) || !isKeyOf(origin, to) || from === to) return null;
  return isSignedByBoth(origin, String(from), String(to), note)
    ? { kind: 'rotated', from: String(from), to: String(to) }
    : null;
}

function isKeyOf(origin: string, text: unknown): boolean {
  try {
    const key = parseVerifierKey(String(text));
    return typeof text === 'string' && key.name === origin && key.type === 'ed25519';
  } catch {
    return false;
  }
}

function isSignedByBoth(origin: string, from: string, to: string, text: unknown): boolean {
  if (typeof text !== 'string') return false;
  try {
    const note = parseNote(text);
    const verifiers = [from, to].map((vkey) => ed25519Verifier(parseVerifierKey(vkey), SIGNATURES));
    return note.text === rotationText(origin, from, to) && openNote(note, verifiers).length === 2;
  } catch {
    return false;
  }
}

/** Whether the record that these bytes begin is worth a closer look. Called for every record: looks at a few bytes. */
export function mayBeStatement(bytes: Uint8Array, body_start: number): boolean {
  for (let i = 0; i < PREFIX.length; i++) if (bytes[body_start + i] !== PREFIX[i]) return false;
  return true;
}

/** `action` comes first in a canonical record. */
const PREFIX = new TextEncoder().encode('{"action":"ledger.signing_key_');
