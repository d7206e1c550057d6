/**
 * Shapes of governed writes on the wire. Strict, like those of records: what is not known is refused.
 */
import { LIMITS } from '@indelible/core';
import { QUERY_LIMIT_DEFAULT } from '../evidence/query.ts';
import { STATES } from '../operations/lifecycle.ts';
import { MEMBERS_MAX } from '../operations/request.ts';
import { reference, Type } from './schemas.ts';

/** Operations in a page of a listing; each is folded from its records. */
export const OPERATIONS_LIMIT_MAX = 200;
/** Larger than any signed vote or request to enrol. */
const NOTE_MAX = 16_384;
const REASON_MAX = 2000;

const strict = { additionalProperties: false };
const open = { additionalProperties: true };
const reason = Type.String({ minLength: 1, maxLength: REASON_MAX, description: 'Why; recorded.' });
const planHash = Type.String({ pattern: '^[0-9a-f]{64}$', description: 'The plan that is meant.' });
const vote = Type.Union([Type.Literal('approve'), Type.Literal('deny')]);
const onBehalfOf = Type.Optional(
  Type.Object(
    {
      type: Type.String({ maxLength: LIMITS.actor_type }),
      id: Type.String({ maxLength: LIMITS.identifier }),
    },
    { ...open, description: 'For whom the token asks: an actor, as in records.' },
  ),
);

export const planBody = Type.Object(
  {
    members: Type.Array(
      Type.Object(
        {
          connector: Type.String({ maxLength: 64 }),
          action: Type.String({ maxLength: 100 }),
          params: Type.Object({}, { ...open, description: 'Of the action; see GET /v1/connectors.' }),
        },
        strict,
      ),
      { minItems: 1, maxItems: MEMBERS_MAX, description: 'Done in this order, as one.' },
    ),
    reason,
    intent: Type.Optional(Type.String({ minLength: 1, maxLength: REASON_MAX })),
    on_behalf_of: onBehalfOf,
    correlation_id: Type.Optional(
      Type.String({ pattern: '^[0-9a-f]{32}$', description: 'Default: that of the request.' }),
    ),
    session: Type.Optional(Type.Object({}, open)),
    break_glass: Type.Optional(
      Type.Boolean({ description: 'Without approval beforehand; never closed without a review.' }),
    ),
  },
  strict,
);

export const voteBody = Type.Object(
  {
    plan_hash: planHash,
    vote,
    purpose: Type.Optional(
      Type.Union(
        ['approval', 'review', 'exception', 'break_glass'].map((purpose) => Type.Literal(purpose)),
        { description: 'Default approval.' },
      ),
    ),
    signature: Type.Object(
      {
        kind: Type.Literal('signed-note'),
        key: Type.String({ maxLength: NOTE_MAX, description: 'The verifier key.' }),
        note: Type.String({ maxLength: NOTE_MAX, description: 'The statement, signed by the approver.' }),
      },
      { ...strict, description: 'Made where the private key is; see docs/reference/operations.md.' },
    ),
  },
  strict,
);

export const adviceBody = Type.Object({ plan_hash: planHash, vote, reason }, strict);
export const applyBody = Type.Union([
  Type.Object({ plan_hash: Type.Optional(planHash) }, strict),
  Type.Null({ description: 'No body.' }),
]);
export const reasonBody = Type.Object({ reason }, strict);
export const resolveBody = Type.Object(
  { reason, happened: Type.Boolean({ description: 'Whether the effect happened.' }) },
  strict,
);
export const rollbackBody = Type.Object(
  {
    reason: Type.Optional(reason),
    override: Type.Optional(
      Type.Boolean({ description: 'Over what others changed since; a person must approve.' }),
    ),
    dry_run: Type.Optional(Type.Boolean({ description: 'Only show what it would do.' })),
    on_behalf_of: onBehalfOf,
  },
  strict,
);
export const enrolmentBody = Type.Object(
  {
    request: Type.String({ maxLength: NOTE_MAX * 4, description: 'As `indelible approver` has it signed.' }),
  },
  strict,
);

const text = (description: string) => Type.Optional(Type.String({ description }));

export const operationsQuery = Type.Object(
  {
    ledger: text('The name of the ledger; default: the first this server was started with.'),
    state: Type.Optional(Type.String({ enum: Object.keys(STATES), description: 'As it is now.' })),
    actor: text('Id of who asked, or of anybody it was asked for.'),
    actor_type: text('Type of who asked.'),
    resource: text('Id of a target.'),
    resource_type: text('Type of a target.'),
    correlation_id: text('32 hex digits.'),
    session: text('Id of the session.'),
    since: text('Planned at or after: RFC 3339, a date, or an age such as 24h.'),
    until: text('Planned before.'),
    order: text('newest (default) or oldest.'),
    limit: text(`1 to ${OPERATIONS_LIMIT_MAX}; default ${QUERY_LIMIT_DEFAULT}.`),
    cursor: text('next_cursor of the page before, with the same filters.'),
  },
  strict,
);

export const operationParams = Type.Object({ operation_id: Type.String() });

/** Shapes that several routes name. */
export const OPERATION_COMPONENTS = {
  Operation: Type.Object(
    {
      operation_id: Type.String(),
      state: Type.String({ enum: Object.keys(STATES) }),
      plan_hash: Type.Union([Type.String(), Type.Null()]),
      envelope: Type.Object({}, { ...open, description: 'Who asked, for whom, why.' }),
      members: Type.Array(Type.Object({}, open), { description: 'The plans, with targets and diffs.' }),
      votes: Type.Array(Type.Object({}, open)),
      history: Type.Array(Type.Object({}, open)),
    },
    { ...open, description: 'A governed write, folded from its records.' },
  ),
  OperationSummary: Type.Object(
    {
      operation_id: Type.String(),
      kind: Type.String({ enum: ['change', 'rollback'] }),
      state: Type.String({ enum: Object.keys(STATES) }),
      reason: Type.String(),
      created_at: Type.String({ format: 'date-time' }),
      members: Type.Array(Type.Object({ connector: Type.String(), action: Type.String() })),
      targets: Type.Array(Type.Object({ type: Type.String(), id: Type.String() })),
      plan_hash: Type.Union([Type.String(), Type.Null()]),
    },
    open,
  ),
  OperationPage: Type.Object({
    operations: Type.Array(reference('OperationSummary')),
    next_cursor: Type.Union([Type.String(), Type.Null()]),
    position: Type.Integer({ description: 'The listing covers records with seq below this.' }),
  }),
  ApprovalView: Type.Object(
    {
      plan_hash: Type.Union([Type.String(), Type.Null()]),
      plan: Type.Object(
        {},
        { ...open, description: 'SHA-256 of its canonical JSON (RFC 8785) is the plan hash.' },
      ),
      statement: Type.Object({}, { ...open, description: 'What a vote is signed over, but for the voter.' }),
      limitations: Type.Array(
        Type.Object({ connector: Type.String(), code: Type.String(), meaning: Type.String() }),
      ),
    },
    { ...open, description: 'All that a vote binds its voter to; nothing is cut short.' },
  ),
  Sweep: Type.Object({
    changed: Type.Array(reference('OperationSummary')),
    failed: Type.Array(
      Type.Object({ operation_id: Type.String(), code: Type.String(), message: Type.String() }),
    ),
    open: Type.Object({}, { ...open, description: 'How many operations are in which state.' }),
  }),
  Approver: Type.Object({
    person_id: Type.String(),
    key: Type.String({ description: 'A verifier key.' }),
    enrolled_at: Type.String({ format: 'date-time' }),
    revoked_at: Type.Union([Type.String({ format: 'date-time' }), Type.Null()]),
  }),
};
