/**
 * The part of the table of errors that is about governed writes: policies, connectors, operations.
 *
 * Pure:    no I/O.
 */
import type { ErrorEntry } from './entry.ts';

export const GOVERNED_ERRORS = {
  // Policies of governed writes
  POLICY_SET_INVALID: {
    http: 503,
    exit: 3,
    remedy: 'Correct the file and line that the message names; until then no operation is accepted.',
  },
  POLICY_REQUEST_INVALID: {
    http: 400,
    exit: 2,
    remedy: 'Correct the member that the message names; see docs/guides/policies.md.',
  },
  // Connectors: writing to outside systems
  CONNECTOR_CONFIG: {
    http: 500,
    exit: 2,
    remedy: 'Correct the member of the connector’s configuration that the message names.',
  },
  CONNECTOR_PARAMS: {
    http: 400,
    exit: 2,
    remedy: 'Correct the parameter that the message names; `indelible connectors` lists actions.',
  },
  CONNECTOR_LIMIT: {
    http: 422,
    exit: 2,
    remedy: 'Ask for less in one operation, or raise the limit in the connector’s configuration.',
  },
  CONNECTOR_UNAVAILABLE: {
    http: 503,
    exit: 3,
    remedy:
      'Check that the outside system can be reached; what was under way is probed before anything is repeated.',
  },
  TARGET_CHANGED: {
    http: 409,
    exit: 3,
    remedy: 'Plan again: the target, or the connector, is no longer what was planned upon. Nothing was done.',
  },
  TARGET_NOT_FOUND: {
    http: 404,
    exit: 3,
    remedy: 'Check the name of the target: the system has nothing there.',
  },
  TARGET_REFUSED: {
    http: 422,
    exit: 3,
    remedy: 'Read what the system said: it refused, and nothing was done.',
  },
  EFFECT_FENCED: {
    http: 409,
    exit: 3,
    remedy: 'Nothing to do: another executor took this operation over, and nothing was done here.',
  },
  ROLLBACK_REFUSED: {
    http: 409,
    exit: 3,
    remedy:
      'Look at what changed the target since; then plan by hand, or roll back with an approved override.',
  },
  ROLLBACK_IMPOSSIBLE: {
    http: 409,
    exit: 3,
    remedy: 'Plan a new operation: this one has no undo, as its plan said.',
  },
  // Operations: governed writes
  OPERATION_INVALID: {
    http: 400,
    exit: 2,
    remedy: 'Correct the member of the request that the message names.',
  },
  OPERATIONS_OFF: {
    http: 501,
    exit: 3,
    remedy: 'Start the server with --connectors and --policies; see docs/reference/operations.md.',
  },
  OPERATION_REJECTED: {
    http: 422,
    exit: 3,
    remedy: 'Read the failure of the dry run in the operation, and plan again. Nothing was done.',
  },
  OPERATION_FAILED: {
    http: 502,
    exit: 3,
    remedy: 'Read the state of the operation: it says whether anything happened, and who is to look at it.',
  },
  OPERATION_NOT_FOUND: { http: 404, exit: 3, remedy: 'Check the id: `indelible operations` lists them.' },
  OPERATION_STATE: {
    http: 409,
    exit: 3,
    remedy: 'Look at the operation: its state does not allow this. The attempt was recorded.',
  },
  OPERATION_DENIED: {
    http: 403,
    exit: 3,
    remedy: 'Read the decision: policy denies it, or an approver did. It was recorded.',
  },
  OPERATION_STALE: {
    http: 409,
    exit: 3,
    remedy: 'Plan again, and have it approved again: something is no longer what was approved.',
  },
  OPERATION_EXPIRED: { http: 409, exit: 3, remedy: 'Plan again: a deadline of this operation has passed.' },
  OPERATION_BUSY: {
    http: 409,
    exit: 3,
    remedy: 'Try again when the operation that is under way on this target has ended.',
  },
  OPERATION_KEY_CONFLICT: {
    http: 409,
    exit: 2,
    remedy: 'Use a new idempotency key for another request, or send the first request again.',
  },
  PLAN_HASH: {
    http: 409,
    exit: 3,
    remedy: 'Look at the operation again: it has another plan hash than the one given.',
  },
  APPROVAL_REFUSED: {
    http: 403,
    exit: 3,
    remedy: 'See `details.rule`: this person, key or statement cannot vote here. The attempt was recorded.',
  },
  APPROVER_KEY: {
    http: 400,
    exit: 3,
    remedy: 'Enrol the public key of the approver first, one key for one person.',
  },
  SECRET_MISSING: {
    http: 422,
    exit: 3,
    remedy: 'Set the secret that the message names.',
  },
} as const satisfies Record<string, ErrorEntry>;
