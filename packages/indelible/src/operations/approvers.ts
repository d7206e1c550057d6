/**
 * Whose public keys sign votes: folded from records, of which only those count that are signed as enrolment.ts says.
 *
 * Whoever can write to the ledger can therefore propose, and nothing more. One key belongs to one person for ever: a key
 * that was seen under one name is never taken under another.
 *
 * Errors:  APPROVER_KEY, with the refusal recorded.
 */
import { type Actor, IndelibleError, isIndelibleError, type LedgerRecord } from '@indelible/core';
import type { LedgerReader, LedgerWriter } from '../ledger/types.ts';
import { publicPart } from './approvals.ts';
import {
  type Enrolment,
  type EnrolmentProblem,
  endorsersOf,
  enrolmentProblem,
  parseEnrolment,
} from './enrolment.ts';
import { samePersonKey } from './people.ts';
import { recordsBetween } from './records.ts';

const ACTIONS = { enrol: 'approver.enrolled', revoke: 'approver.revoked' } as const;
const REFUSED = 'approver.refused';
/** Between the request and its record: time enough to hand it around. */
const REQUEST_MS_MAX = 7 * 86_400_000;

export interface Approver {
  readonly person_id: string;
  /** A verifier key, as in a signed note. */
  readonly key: string;
  readonly enrolled_at: string;
  readonly revoked_at: string | null;
}

/** Approvers by the public part of their keys. */
type Approvers = Map<string, Approver>;

/** Every key that was ever enrolled, oldest first. */
export function listApprovers(ledger: LedgerReader): Promise<Approver[]> {
  return new ApproverBook(ledger).all();
}

async function readApprovers(ledger: LedgerReader): Promise<Approvers> {
  return new ApproverBook(ledger).read();
}

/** Who is enrolled, followed record by record. */
export class ApproverBook {
  readonly #ledger: LedgerReader;
  readonly #approvers: Approvers = new Map();
  #position = 0;

  constructor(ledger: LedgerReader) {
    this.#ledger = ledger;
  }

  /** As of now. Two of these may run at once: each record is taken once, and in its order, or it would count otherwise. */
  async read(): Promise<Approvers> {
    const to = ((await this.#ledger.head())?.seq ?? -1) + 1;
    const filter = { action: 'approver.*' };
    for await (const record of recordsBetween(this.#ledger, this.#position, to, filter)) {
      if (record.seq < this.#position) continue;
      take(this.#approvers, record, this.#ledger.name);
      this.#position = record.seq + 1;
    }
    this.#position = Math.max(this.#position, to);
    return this.#approvers;
  }

  /** A record that this process wrote, and that is none of an approver. */
  wrote(seq: number): void {
    if (seq === this.#position) this.#position = seq + 1;
  }

  async all(): Promise<Approver[]> {
    return [...(await this.read()).values()];
  }

  /** The key with which votes of a signature are checked; APPROVER_KEY when it is not enrolled, or revoked. */
  async of(key: string): Promise<Approver> {
    const found = (await this.all()).find((one) => one.key === key && one.revoked_at === null);
    if (found !== undefined) return found;
    throw new IndelibleError('APPROVER_KEY', 'this key is not enrolled, or was revoked');
  }
}

function take(approvers: Approvers, { action, data, recorded_at }: LedgerRecord, ledger: string): void {
  const { request } = (data ?? {}) as { readonly request?: unknown };
  const enrolment = typeof request === 'string' ? parsed(request) : null;
  if (enrolment === null || action !== ACTIONS[enrolment.statement.change]) return;
  if (problemOf(approvers, enrolment, ledger, recorded_at) !== null) return;
  const { change, person_id, key } = enrolment.statement;
  const known = approvers.get(publicPart(key));
  if (change === 'enrol')
    approvers.set(publicPart(key), { person_id, key, enrolled_at: recorded_at, revoked_at: null });
  else approvers.set(publicPart(key), { ...known!, revoked_at: recorded_at });
}

/** Null for what is no request: it counts for nothing. */
function parsed(request: string): Enrolment | null {
  try {
    return parseEnrolment(request);
  } catch (error) {
    if (isIndelibleError(error)) return null;
    throw error;
  }
}

/** Why a request does not count at this time; null when it does. */
function problemOf(
  approvers: Approvers,
  enrolment: Enrolment,
  ledger: string,
  at: string,
): EnrolmentProblem | null {
  const { statement } = enrolment;
  const known = approvers.get(publicPart(statement.key));
  if (statement.ledger !== ledger) return refusal('it is for another ledger');
  if (!(Math.abs(Date.parse(at) - Date.parse(statement.requested_at)) <= REQUEST_MS_MAX))
    return refusal('it was requested too long ago, or in the future');
  if (statement.change === 'enrol' && known !== undefined)
    return refusal('this key was enrolled before; one key is one person’s for ever');
  if (statement.change === 'revoke') {
    const same = known?.key === statement.key && known.person_id === statement.person_id;
    if (!same || known.revoked_at !== null)
      return refusal('this key is not enrolled for this person, or was revoked');
  }
  // Nobody is there yet who could sign.
  if (approvers.size === 0) return null;
  const active = [...approvers.values()].filter(({ revoked_at }) => revoked_at === null);
  return enrolmentProblem(statement, endorsersOf(enrolment, active), active);
}

function refusal(message: string): EnrolmentProblem {
  return { message, is_unsigned: false };
}

/** Why a request cannot be recorded yet, or at all; null when it can, and when there is nothing left to do. */
export async function enrolmentProblemNow(
  ledger: LedgerWriter,
  request: string,
  now = new Date().toISOString(),
): Promise<EnrolmentProblem | null> {
  const enrolment = parseEnrolment(request);
  const approvers = await readApprovers(ledger);
  return isDone(approvers, enrolment) ? null : problemOf(approvers, enrolment, ledger.name, now);
}

/**
 * Enrols or revokes a key, as the request says, which `endorse` had signed. Asking for what is so already changes
 * nothing. `by` hands it in; that gives no right to anything.
 */
export async function changeApprovers(
  ledger: LedgerWriter,
  request: string,
  by: Actor,
  now = new Date().toISOString(),
): Promise<Approver> {
  const enrolment = parseEnrolment(request);
  const { change, person_id, key } = enrolment.statement;
  const before = await readApprovers(ledger);
  if (isDone(before, enrolment)) return before.get(publicPart(key))!;
  const resource = { type: 'approver', id: person_id };
  const data = { request };
  const problem = problemOf(before, enrolment, ledger.name, now);
  if (problem !== null) {
    const { message } = problem;
    await ledger.recordOwn({ action: REFUSED, actor: by, resource, data, message, outcome: 'denied' });
    throw new IndelibleError('APPROVER_KEY', message, { details: { change, person_id } });
  }
  await ledger.recordOwn({ action: ACTIONS[change], actor: by, resource, data });
  const after = await readApprovers(ledger);
  if (isDone(after, enrolment)) return after.get(publicPart(key))!;
  throw new IndelibleError('APPROVER_KEY', 'another change was first; ask again');
}

/** It is so already. */
function isDone(approvers: Approvers, { statement }: Enrolment): boolean {
  const known = approvers.get(publicPart(statement.key));
  if (known === undefined || known.key !== statement.key) return false;
  const same = samePersonKey(known.person_id) === samePersonKey(statement.person_id);
  return same && (known.revoked_at === null) === (statement.change === 'enrol');
}
