/**
 * Whose public keys sign votes: enrolled and revoked by records.
 *
 * One key belongs to one person for ever: a key that was seen under one name is never taken under another.
 *
 * Errors:  APPROVER_KEY.
 */
import { type Actor, IndelibleError, type LedgerRecord, parseVerifierKey } from '@indelible/core';
import type { LedgerWriter } from '../ledger/types.ts';
import { publicPart } from './approvals.ts';
import { samePersonKey } from './people.ts';

const ENROLLED = 'approver.enrolled';
const REVOKED = 'approver.revoked';
const RECORDS_MAX = 10_000;
const PAGE = 1000;

export interface Approver {
  readonly person_id: string;
  /** A verifier key, as in a signed note. */
  readonly key: string;
  readonly enrolled_at: string;
  readonly revoked_at: string | null;
}

/** Every key that was ever enrolled, oldest first. */
export async function listApprovers(ledger: LedgerWriter): Promise<Approver[]> {
  if (ledger.index === null) return [];
  await ledger.caughtUp();
  const filter = { action: 'approver.*' };
  const { seqs } = await ledger.index.search({ filter, order: 'oldest', limit: RECORDS_MAX });
  const approvers = new Map<string, Approver>();
  for (let i = 0; i < seqs.length; i += PAGE) {
    for (const { record } of await ledger.get(seqs.slice(i, i + PAGE))) take(approvers, record);
  }
  return [...approvers.values()];
}

function take(approvers: Map<string, Approver>, { action, data, recorded_at }: LedgerRecord): void {
  const { person_id, key } = (data ?? {}) as Partial<Approver>;
  if (typeof person_id !== 'string' || typeof key !== 'string') return;
  const known = approvers.get(publicPart(key));
  if (action === ENROLLED && known === undefined)
    approvers.set(publicPart(key), { person_id, key, enrolled_at: recorded_at, revoked_at: null });
  if (action === REVOKED && known?.revoked_at === null)
    approvers.set(publicPart(key), { ...known, revoked_at: recorded_at });
}

/** The key with which votes of a signature are checked; APPROVER_KEY when it is not enrolled, or revoked. */
export async function approverOf(ledger: LedgerWriter, key: string): Promise<Approver> {
  const found = (await listApprovers(ledger)).find((one) => one.key === key && one.revoked_at === null);
  if (found !== undefined) return found;
  throw new IndelibleError('APPROVER_KEY', 'this key is not enrolled, or was revoked');
}

/** Enrols a person's public key. Enrolling the same again changes nothing. */
export async function enrolApprover(
  ledger: LedgerWriter,
  person_id: string,
  key: string,
  by: Actor,
): Promise<Approver> {
  const { type, name } = parseVerifierKey(key);
  if (type !== 'ed25519') throw new IndelibleError('APPROVER_KEY', 'votes are signed with Ed25519 keys');
  if (person_id === '' || person_id.length > 200 || name.length > 200)
    throw new IndelibleError('APPROVER_KEY', 'a person has an id of 1 to 200 characters');
  const same = (await listApprovers(ledger)).find((one) => publicPart(one.key) === publicPart(key));
  if (same !== undefined) {
    const whole = same.key === key && samePersonKey(same.person_id) === samePersonKey(person_id);
    if (whole && same.revoked_at === null) return same;
    throw new IndelibleError(
      'APPROVER_KEY',
      'this key was enrolled before; one key is one person’s for ever',
    );
  }
  const receipt = await ledger.recordOwn({
    action: ENROLLED,
    actor: by,
    resource: { type: 'approver', id: person_id },
    data: { person_id, key },
    idempotency_key: `indelible:approver:${publicPart(key)}`,
  });
  return { person_id, key, enrolled_at: receipt.recorded_at, revoked_at: null };
}

/** Revokes a key. Votes that it signed before stay as they are. */
export async function revokeApprover(ledger: LedgerWriter, key: string, by: Actor): Promise<void> {
  const { person_id } = await approverOf(ledger, key);
  await ledger.recordOwn({
    action: REVOKED,
    actor: by,
    resource: { type: 'approver', id: person_id },
    data: { person_id, key },
  });
}
