/**
 * Requests to enrol or revoke an approver's key, and what they must be signed by.
 *
 *     indelible/approver/v1
 *     {"change":"enrol","key":"carol+…","ledger":"acme.example/prod","person_id":"carol","requested_at":"…"}
 *
 *     — alice <base64>
 *     — bob <base64>
 *
 * The first person enrols alone. From then on people let people in: a new person needs the signatures of two others (of
 * one, while there is only one), so that nobody can make voters up; a further key of one's own needs one's own. A key is
 * revoked by its person, or by two others. The last key stays, so that nobody can begin anew.
 *
 * Errors:  APPROVER_KEY; NOTE_INVALID, VERIFIER_KEY_INVALID.
 * Source:  c2sp.org/signed-note.
 * Pure:    no I/O, no clock.
 */
import {
  canonicalize,
  ed25519Verifier,
  formatNote,
  formatVerifierKey,
  IndelibleError,
  isIndelibleError,
  type NoteSignature,
  type NoteSigner,
  openNote,
  parseJson,
  parseNote,
  parseVerifierKey,
  SIGNATURES,
  signText,
} from '@indelible/core';
import { samePersonKey } from './people.ts';

export interface EnrolmentStatement {
  readonly change: 'enrol' | 'revoke';
  readonly ledger: string;
  readonly person_id: string;
  /** A verifier key, as in a signed note. */
  readonly key: string;
  /** RFC 3339 in UTC: what was signed long ago says nothing any more. */
  readonly requested_at: string;
}

/** A request as it is handed around, with the signatures that it has so far. */
export interface Enrolment {
  readonly statement: EnrolmentStatement;
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

/** Whose key counts now. */
export interface ActiveKey {
  readonly person_id: string;
  readonly key: string;
}

/** Why a request does not count. */
export interface EnrolmentProblem {
  readonly message: string;
  /** More signatures would help. */
  readonly is_unsigned: boolean;
}

const HEADING = 'indelible/approver/v1';
const PERSON_MAX = 200;
const OTHERS = 2;

/** The text to be signed. */
export function enrolmentText(statement: EnrolmentStatement): string {
  const { change, ledger, person_id, key, requested_at } = statement;
  return `${HEADING}\n${canonicalize({ change, ledger, person_id, key, requested_at })}\n`;
}

/** Reads a request, signed or not yet; verifies nothing. */
export function parseEnrolment(source: string): Enrolment {
  const signed = source.includes('\n\n');
  const { text, signatures } = signed ? parseNote(source) : { text: source, signatures: [] };
  const [heading, json = ''] = text.split('\n');
  if (heading !== HEADING) throw invalid('this is no request to enrol or revoke a key');
  const statement = parseJson(json) as unknown as EnrolmentStatement;
  checkStatement(statement);
  if (text !== enrolmentText(statement)) throw invalid('the request is not written as it must be');
  return { statement, text, signatures };
}

/** The request with one more signature. */
export async function endorse(request: string, signer: NoteSigner): Promise<string> {
  const { text, signatures } = parseEnrolment(request);
  const { name, key_id } = signer.key;
  const others = signatures.filter((one) => one.name !== name || one.key_id !== key_id);
  return formatNote({ text, signatures: [...others, await signText(text, signer)] });
}

/** The people whose active keys signed. One wrong signature of a known key, and nobody did. */
export function endorsersOf({ text, signatures }: Enrolment, active: readonly ActiveKey[]): Set<string> {
  if (signatures.length === 0) return new Set();
  try {
    const verifiers = active.map(({ key }) => ed25519Verifier(parseVerifierKey(key), SIGNATURES));
    const keys = openNote({ text, signatures }, verifiers).map(({ key }) => formatVerifierKey(key));
    return new Set(
      active.filter(({ key }) => keys.includes(key)).map(({ person_id }) => samePersonKey(person_id)),
    );
  } catch (error) {
    if (isIndelibleError(error, 'SIGNATURE_WRONG') || isIndelibleError(error, 'SIGNATURE_MISSING'))
      return new Set();
    throw error;
  }
}

/** Null when these people suffice. `active`: every key that counts before the change. */
export function enrolmentProblem(
  { change, person_id }: EnrolmentStatement,
  endorsers: ReadonlySet<string>,
  active: readonly ActiveKey[],
): EnrolmentProblem | null {
  const own = samePersonKey(person_id);
  const people = new Set(active.map((one) => samePersonKey(one.person_id)));
  const others = [...people].filter((one) => one !== own).length;
  if (change === 'revoke' && active.length <= 1)
    return { message: 'the last key stays: enrol another one first', is_unsigned: false };
  if (endorsers.has(own)) return null;
  if (change === 'enrol' && people.has(own))
    return { message: `it needs the signature of ${person_id}, with a key that counts`, is_unsigned: true };
  const needed = Math.min(OTHERS, others);
  const given = [...endorsers].filter((one) => one !== own).length;
  if (given >= needed && needed > 0) return null;
  const who = needed === 1 ? 'another approver' : `${needed} other approvers`;
  return { message: `it needs the signatures of ${who}, and has ${given}`, is_unsigned: true };
}

function checkStatement(statement: EnrolmentStatement): void {
  const { change, ledger, person_id, key, requested_at } = (statement ?? {}) as Partial<EnrolmentStatement>;
  const texts = [ledger, key, requested_at].every((one) => typeof one === 'string');
  if (!texts || (change !== 'enrol' && change !== 'revoke')) throw invalid('the request lacks a member');
  if (typeof person_id !== 'string' || person_id.trim() === '' || person_id.length > PERSON_MAX)
    throw invalid(`a person has an id of 1 to ${PERSON_MAX} characters`);
  const { type, name } = parseVerifierKey(key!);
  if (type !== 'ed25519') throw invalid('votes are signed with Ed25519 keys');
  if (name.length > PERSON_MAX) throw invalid(`the name of a key has at most ${PERSON_MAX} characters`);
}

function invalid(message: string): IndelibleError {
  return new IndelibleError('APPROVER_KEY', message);
}
