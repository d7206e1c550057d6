/**
 * What a caller asks for, checked before anything is read or written.
 *
 * Errors:  OPERATION_INVALID naming the member.
 * Pure:    no I/O.
 */
import { canonicalize, checkEvent, IndelibleError, isIndelibleError, LIMITS } from '@indelible/core';
import { chainOf } from './people.ts';
import type { MemberRequest, OperationRequest } from './types.ts';

export const MEMBERS_MAX = 16;
export const PARAMS_BYTES_MAX = 1 << 20;
const NAME = /^[a-z][a-z0-9-]{0,63}$/;
const ACTION = /^[A-Za-z][A-Za-z0-9_.-]{0,99}$/;
/** The engine acts for the requester, one deeper. */
const DELEGATION_MAX = LIMITS.delegation_depth - 1;

export function checkRequest(request: OperationRequest): void {
  const { members, reason, intent, idempotency_key } = request;
  if (!Array.isArray(members) || members.length === 0 || members.length > MEMBERS_MAX)
    throw invalid('members', `must be 1 to ${MEMBERS_MAX}`);
  for (const [i, member] of members.entries()) checkMember(member as MemberRequest, `members[${i}]`);
  checkText('reason', reason);
  if (intent !== undefined) checkText('intent', intent);
  if (idempotency_key !== undefined && idempotency_key.length > 200)
    throw invalid('idempotency_key', 'has at most 200 characters');
  checkAsEvent(request);
}

function checkMember(member: MemberRequest, place: string): void {
  if (typeof member !== 'object' || member === null) throw invalid(place, 'must be an object');
  const { connector, action, params } = member;
  if (typeof connector !== 'string' || !NAME.test(connector))
    throw invalid(`${place}.connector`, 'must be the name of a connector');
  if (typeof action !== 'string' || !ACTION.test(action))
    throw invalid(`${place}.action`, 'must be the name of an action');
  if (typeof params !== 'object' || params === null || Array.isArray(params))
    throw invalid(`${place}.params`, 'must be an object');
  if (Buffer.byteLength(canonicalize(params)) > PARAMS_BYTES_MAX)
    throw invalid(`${place}.params`, `have at most ${PARAMS_BYTES_MAX} bytes`);
}

/** Whatever becomes part of a record keeps to the rules of one. */
export function checkAsEvent({
  requester,
  correlation_id,
  session,
  idempotency_key,
}: Pick<OperationRequest, 'requester' | 'correlation_id' | 'session' | 'idempotency_key'>): void {
  try {
    checkEvent({
      action: 'operation.planned',
      actor: requester,
      ...(correlation_id === undefined ? {} : { correlation_id }),
      ...(session === undefined ? {} : { session }),
      ...(idempotency_key === undefined ? {} : { idempotency_key }),
    });
  } catch (error) {
    if (!isIndelibleError(error, 'EVENT_INVALID')) throw error;
    throw new IndelibleError('OPERATION_INVALID', error.message.replace('event.', 'request.'), {
      details: error.details,
    });
  }
  if (requester === undefined) throw invalid('requester', 'is required');
  if (chainOf(requester).length > DELEGATION_MAX)
    throw invalid('requester', `delegates more than ${DELEGATION_MAX - 1} deep`);
}

export function checkText(member: string, text: unknown): void {
  if (typeof text !== 'string' || text.trim() === '' || text.length > 2000)
    throw invalid(member, 'must be a text of 1 to 2,000 characters');
}

export function invalid(member: string, rule: string): IndelibleError {
  return new IndelibleError('OPERATION_INVALID', `${member} ${rule}`, { details: { member } });
}
