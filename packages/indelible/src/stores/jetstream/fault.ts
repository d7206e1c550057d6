/**
 * What went wrong between us and the servers: either it may pass by itself, or it is one of our errors.
 *
 * While a cluster elects a leader its clients see time-outs, "no responders" ("jetstream is not enabled") and refusals
 * of class 503, for some seconds. Messages repeat the words of server and driver, never options or credentials.
 */
import { type ErrorCode, IndelibleError, isIndelibleError } from '@indelible/core';

/** May pass. */
export class PassingFault extends Error {
  /** True when a server may have been asked: what was asked for may have happened, or may yet happen. */
  readonly asked: boolean;

  constructor(cause: unknown, asked = false) {
    super(wordsOf(cause), { cause });
    this.asked = asked;
  }
}

/** Refusals of the JetStream API that are answers rather than faults (nats-server, errors.json). */
export const REFUSAL = {
  message_not_found: [10_037],
  stream_not_found: [10_059],
  /** The second without saying which it is. */
  wrong_last_sequence: [10_071, 10_164],
} as const satisfies Record<string, readonly number[]>;

const BY_API_CODE: Readonly<Record<number, readonly [ErrorCode, string]>> = {
  10002: ['STORE_FULL', 'the limits of the account are reached'],
  10023: ['STORE_FULL', 'the servers have no room'],
  10028: ['STORE_FULL', 'the servers have no memory'],
  10047: ['STORE_FULL', 'the servers have no room on their disks'],
  10054: ['STORE_UNSUITABLE', 'the stream refuses messages of this size'],
  10077: ['STORE_FULL', 'the stream could not store the message'],
  10109: ['STORE_READ_ONLY', 'the stream is sealed'],
};
/**
 * Of other classes than 503: a duplicate in process, a stream that is offline (twice), too many requests, and fewer servers
 * up than a new stream is to have replicas.
 */
const PASSING_API_CODES: readonly number[] = [10_158, 10_118, 10_194, 10_167, 10_005];

/** By name: the driver is loaded late, and its classes may be there twice. */
const PASSING_NAMES: readonly string[] = [
  'TimeoutError',
  'RequestError',
  'NoRespondersError',
  'ConnectionError',
  'ClosedConnectionError',
  'DrainingConnectionError',
  'InvalidOperationError',
  'JetStreamNotEnabled',
  'JetStreamStatusError',
  'ProtocolError',
];

export function isRefusal(error: unknown, kind: keyof typeof REFUSAL): boolean {
  const codes: readonly number[] = REFUSAL[kind];
  return codes.includes(apiCodeOf(error) ?? 0);
}

/** What a failed call means: a PassingFault, a refusal as it is, or the error to raise. */
export function meaningOf(error: unknown, place: string, asked: boolean): unknown {
  if (isIndelibleError(error) || error instanceof PassingFault) return error;
  const violation = violationIn(error);
  if (violation !== null) return notPermitted(violation, place);
  const { name } = error as Error;
  if (name === 'AuthorizationError' || name === 'UserAuthenticationExpiredError')
    return fault('STORE_UNAVAILABLE', place, 'the servers refuse these credentials', error);
  const code = apiCodeOf(error) ?? 0;
  const known = BY_API_CODE[code];
  if (known !== undefined) return fault(known[0], place, `${known[1]} (${wordsOf(error)})`, error);
  if (Object.values<readonly number[]>(REFUSAL).some((codes) => codes.includes(code))) return error;
  const { status, syscall } = error as { status?: unknown; syscall?: unknown };
  if (
    PASSING_NAMES.includes(name) ||
    PASSING_API_CODES.includes(code) ||
    status === 503 ||
    syscall !== undefined
  )
    return new PassingFault(error, asked);
  return fault('STORE_UNAVAILABLE', place, wordsOf(error), error);
}

/** The fault did not pass in time. */
export function unavailable(place: string, error: PassingFault): IndelibleError {
  return fault('STORE_UNAVAILABLE', place, error.message, error.cause);
}

function apiCodeOf(error: unknown): number | null {
  const { name, code } = error as { name?: unknown; code?: unknown };
  const from_api = name === 'JetStreamApiError' || name === 'StreamNotFoundError';
  return from_api && typeof code === 'number' ? code : null;
}

interface Violation extends Error {
  readonly operation: string;
  readonly subject: string;
}

/** The server tells about a forbidden subject apart from the request; the driver may wrap that. */
function violationIn(error: unknown): Violation | null {
  for (const one of [error, (error as Error).cause]) {
    if (one instanceof Error && one.name === 'PermissionViolationError') return one as Violation;
  }
  return null;
}

function notPermitted(violation: Violation, place: string): IndelibleError {
  const { operation, subject } = violation;
  const code = subject.startsWith('indelible.') ? 'STORE_READ_ONLY' : 'STORE_UNAVAILABLE';
  const words = `these credentials do not permit: ${operation} ${subject}`;
  return fault(code, place, words, violation);
}

function fault(code: ErrorCode, place: string, words: string, cause: unknown): IndelibleError {
  return new IndelibleError(code, `${place}: ${words}`, { cause });
}

function wordsOf(error: unknown): string {
  const { name, message } = error as Error;
  if (name === 'TimeoutError') return 'no answer in time';
  return message === '' ? name : message;
}
