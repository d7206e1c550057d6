/**
 * Signed statements of people about one plan: votes, and the statement that opens a break-glass operation.
 *
 *     indelible/vote/v1
 *     {"ledger":"acme.example/prod","operation_id":"…","person":{"id":"bob","type":"user"},"plan_hash":"…", …}
 *
 *     — bob <base64>
 *
 * A signed note, so that any program that opens such notes can check who approved what. Other kinds of signature
 * (passkeys) get their own entry in VERIFIERS.
 *
 * Errors:  APPROVAL_REFUSED with `details.rule`: `signature`, `statement`.
 * Source:  c2sp.org/signed-note.
 * Pure:    no I/O, no clock.
 */
import {
  type Actor,
  canonicalize,
  ed25519Verifier,
  formatNote,
  formatVerifierKey,
  IndelibleError,
  isIndelibleError,
  type NoteSigner,
  openNote,
  parseNote,
  parseVerifierKey,
  SIGNATURES,
  signText,
} from '@indelible/core';
import type { VotePurpose, VoteSignature } from './types.ts';

/** What a person says about a plan. */
export interface Statement {
  readonly ledger: string;
  readonly operation_id: string;
  readonly plan_hash: string;
  readonly purpose: VotePurpose | 'break_glass';
  readonly vote: 'approve' | 'deny';
  readonly person: Pick<Actor, 'type' | 'id'>;
  readonly reason: string | null;
  /** RFC 3339 in UTC: when it was signed, by the signer's clock. */
  readonly signed_at: string;
}

const HEADING = 'indelible/vote/v1';

/** The text that is signed. */
export function statementText(statement: Statement): string {
  const { ledger, operation_id, plan_hash, purpose, vote, reason, signed_at } = statement;
  const person = { id: statement.person.id, type: statement.person.type };
  return `${HEADING}\n${canonicalize({ ledger, operation_id, plan_hash, purpose, vote, person, reason, signed_at })}\n`;
}

/** Signs a statement with an Ed25519 key. */
export async function signStatement(statement: Statement, signer: NoteSigner): Promise<VoteSignature> {
  const text = statementText(statement);
  const note = formatNote({ text, signatures: [await signText(text, signer)] });
  return { kind: 'signed-note', key: formatVerifierKey(signer.key), note };
}

/** Checks that this signature is by `key` (a verifier key) over exactly this statement. */
type VerifyVote = (signature: VoteSignature, statement: Statement, key: string) => void;

const VERIFIERS: Readonly<Record<VoteSignature['kind'], VerifyVote>> = {
  'signed-note': (signature, statement, key) => {
    const note = parseNote(signature.note);
    openNote(note, [ed25519Verifier(parseVerifierKey(key), SIGNATURES)]);
    if (note.text !== statementText(statement)) throw refused('statement', 'another statement was signed');
  },
};

/** Raises APPROVAL_REFUSED unless the enrolled key signed this statement. */
export function checkSignature(signature: VoteSignature, statement: Statement, key: string): void {
  if (!Object.hasOwn(VERIFIERS, signature.kind))
    throw refused('signature', 'this kind of signature is not known');
  if (signature.key !== key)
    throw refused('signature', 'it was signed with another key than the enrolled one');
  try {
    VERIFIERS[signature.kind](signature, statement, key);
  } catch (error) {
    if (isIndelibleError(error, 'APPROVAL_REFUSED')) throw error;
    throw refused('signature', 'the signature is not valid', error);
  }
}

/** When and with which reason a statement was signed: the parts that only the signer knows. */
export function readStatement(signature: VoteSignature): Pick<Statement, 'reason' | 'signed_at'> {
  try {
    const [heading, json = ''] = parseNote(signature.note).text.split('\n');
    const { reason, signed_at } = JSON.parse(json) as Partial<Statement>;
    if (heading === HEADING && typeof signed_at === 'string' && isReason(reason))
      return { reason, signed_at };
  } catch {
    // Falls through: whatever it is, it is no statement.
  }
  throw refused('statement', 'what was signed is no statement');
}

function isReason(value: unknown): value is string | null {
  return value === null || typeof value === 'string';
}

function refused(rule: string, message: string, cause?: unknown): IndelibleError {
  return new IndelibleError('APPROVAL_REFUSED', message, { details: { rule }, cause });
}
