/**
 * Shapes on the wire: validation of what comes in, and the OpenAPI document.
 *
 * Answers are documented here, not filtered: records go out as the very bytes that were hashed.
 */

import { ERRORS, LIMITS, OUTCOMES } from '@indelible/core';
import { Type } from 'typebox';
import { SCOPES } from '../access/scopes.ts';
import { QUERY_LIMIT_DEFAULT, QUERY_LIMIT_MAX } from '../evidence/query.ts';

export { Type };

/** A reference to one of COMPONENTS. */
export function reference(name: string) {
  return Type.Unsafe<unknown>({ $ref: `${name}#` });
}

interface Answer {
  readonly description: string;
  readonly content: Readonly<Record<string, { readonly schema: unknown }>>;
}

/** The answers of a route, for the document alone: routes write their bytes themselves. */
export function answers(
  byStatus: Readonly<Record<number, Answer>>,
  ...problemStatuses: readonly number[]
): unknown {
  return { ...byStatus, ...problems(problemStatuses) };
}

/** An answer with one type of content. */
export function answer(description: string, schema: unknown, type = 'application/json'): Answer {
  return { description, content: { [type]: { schema } } };
}

/** Problem responses for these statuses. */
function problems(statuses: readonly number[]): Record<number, Answer> {
  const content = { 'application/problem+json': { schema: reference('Problem') } };
  return Object.fromEntries(
    statuses.map((status) => {
      const codes = Object.entries(ERRORS).filter(([, { http }]) => http === status);
      return [status, { description: codes.map(([code]) => code).join(', '), content }];
    }),
  );
}

const text = (description: string) => Type.Optional(Type.String({ description }));
const hex64 = (description: string) => Type.String({ pattern: '^[0-9a-f]{64}$', description });

const ledgerMember = {
  ledger: text('The name of the ledger; default: the first this server was started with.'),
};

/** `?ledger=` and nothing else. */
export const ledgerQuery = Type.Object(ledgerMember, { additionalProperties: false });

export const proofQuery = Type.Object(
  {
    ...ledgerMember,
    wait: Type.Optional(
      Type.String({ enum: ['true', 'false'], description: 'Wait for a checkpoint; default false.' }),
    ),
  },
  { additionalProperties: false },
);

const size = (description: string) => Type.String({ pattern: '^\\d{1,15}$', description });

export const consistencyQuery = Type.Object(
  {
    ...ledgerMember,
    from: size('The older size.'),
    to: Type.Optional(size('The newer size; default: that of the newest checkpoint.')),
  },
  { additionalProperties: false },
);

const filterMembers = {
  actor: text('Id of the actor, or of anybody it acted on behalf of.'),
  actor_type: text('Type of the actor.'),
  action: text('The action; with a trailing *, its beginning.'),
  resource: text('Id of a resource.'),
  resource_type: text('Type of a resource.'),
  outcome: text(`One of ${OUTCOMES.join(', ')}.`),
  correlation_id: text('32 hex digits.'),
  session: text('Id of the session.'),
  since: text('Inclusive: RFC 3339, a date, or an age such as 24h.'),
  until: text('Exclusive: RFC 3339, a date, or an age such as 24h.'),
  text: text('Words that must all appear in the record.'),
};

export const recordsQuery = Type.Object(
  {
    ...ledgerMember,
    ...filterMembers,
    order: text('newest (default) or oldest.'),
    limit: text(`1 to ${QUERY_LIMIT_MAX}; default ${QUERY_LIMIT_DEFAULT}.`),
    cursor: text('next_cursor of the page before, with the same filters.'),
    consistent: Type.Optional(
      Type.String({
        enum: ['true', 'false'],
        description: 'true (default): waits until every durable record is indexed. false: answers at once.',
      }),
    ),
    at_least: text('Waits only until this record, and all before it, are indexed.'),
  },
  { additionalProperties: false },
);

export const exportQuery = Type.Object(
  {
    ...ledgerMember,
    ...filterMembers,
    format: text('csv, json or jsonl (default).'),
    limit: text('At most this many records; the export says whether it is complete.'),
  },
  { additionalProperties: false },
);

const { text: _words, ...tailFilters } = filterMembers;
export const tailQuery = Type.Object(
  {
    ...ledgerMember,
    ...tailFilters,
    after: text('Begin behind this sequence number; default: the end. -1: the beginning.'),
  },
  { additionalProperties: false },
);

const receiptSchema = Type.Object({
  seq: Type.Integer({ minimum: 0 }),
  id: Type.String({ description: 'UUID version 7.' }),
  hash: hex64('Hash of the record.'),
  recorded_at: Type.String({ format: 'date-time' }),
  correlation_id: Type.String({ pattern: '^[0-9a-f]{32}$' }),
  duplicate: Type.Optional(Type.Literal(true, { description: 'An earlier request recorded it.' })),
});

const actor = Type.Object({
  type: Type.String({ maxLength: LIMITS.actor_type }),
  id: Type.String({ maxLength: LIMITS.identifier }),
  name: text('For people.'),
  on_behalf_of: Type.Optional(
    Type.Object({}, { description: 'The actor who delegated.', additionalProperties: true }),
  ),
});
const resource = Type.Object({
  type: Type.String({ maxLength: LIMITS.actor_type }),
  id: Type.String({ maxLength: LIMITS.identifier }),
  name: text('For people.'),
});
const outcome = Type.String({ enum: [...OUTCOMES] });

const eventMembers = {
  action: Type.String({ maxLength: LIMITS.action, examples: ['secret.set'] }),
  actor: Type.Optional(actor),
  resource: Type.Optional(resource),
  related_resources: Type.Optional(Type.Array(resource, { maxItems: LIMITS.related_resources })),
  outcome: Type.Optional(outcome),
  data: Type.Optional(Type.Unknown({ description: 'Any JSON.' })),
  correlation_id: text('32 hex digits; default: from traceparent, or new.'),
  span_id: text('16 hex digits.'),
  occurred_at: text('When it happened, as far as the caller knows: RFC 3339 UTC.'),
  session: Type.Optional(
    Type.Object({}, { additionalProperties: true, description: 'id, agent_id, agent_type, lineage.' }),
  ),
  source: text('The system that says so.'),
  event_type: text('Default: the action.'),
  message: text('For people.'),
  input_ref: text('Where the input lies.'),
  output_ref: text('Where the output lies.'),
  latency_ms: Type.Optional(Type.Number({ minimum: 0 })),
  cost_usd: Type.Optional(Type.Number({ minimum: 0 })),
  params_hash: Type.Optional(hex64('SHA-256 of parameters that are themselves secret.')),
};

const recordSchema = Type.Object(
  {
    ...eventMembers,
    v: Type.Literal(1),
    ledger: Type.String(),
    seq: Type.Integer({ minimum: 0 }),
    id: Type.String(),
    prev_hash: hex64('Hash of the record before.'),
    recorded_at: Type.String({ format: 'date-time' }),
    actor,
    outcome,
    correlation_id: Type.String(),
    attachment: Type.Optional(
      Type.Object(
        { digest: Type.String(), media_type: Type.String(), size: Type.Integer({ minimum: 0 }) },
        { description: 'In place of data that is too large: GET /v1/records/{seq_or_id}/attachment.' },
      ),
    ),
  },
  { additionalProperties: true },
);

const storedRecord = Type.Object({ hash: hex64('Hash of the record.'), record: reference('Record') });

const tokenMembers = {
  token_id: Type.String(),
  name: Type.String(),
  scopes: Type.Array(Type.String({ examples: [...SCOPES] })),
  ledgers: Type.Array(Type.String()),
  created_at: Type.String({ format: 'date-time' }),
  created_by: Type.Union([actor, Type.Null()]),
  expires_at: Type.Union([Type.String({ format: 'date-time' }), Type.Null()]),
  revoked_at: Type.Union([Type.String({ format: 'date-time' }), Type.Null()]),
  revoked_by: Type.Union([actor, Type.Null()]),
  status: Type.String({ enum: ['active', 'expired', 'revoked'] }),
};

/** A request for a new token. */
export const tokenRequest = Type.Object(
  {
    name: Type.String({ maxLength: 64 }),
    scopes: Type.Array(Type.String({ enum: [...SCOPES] }), { minItems: 1, maxItems: 16 }),
    ledgers: Type.Optional(
      Type.Array(Type.String(), {
        minItems: 1,
        maxItems: 100,
        description: 'Names of ledgers; default: those of the token that asks.',
      }),
    ),
    expires_at: Type.Optional(
      Type.Union([Type.String(), Type.Null()], { description: 'RFC 3339 UTC; default: never.' }),
    ),
  },
  { additionalProperties: false },
);

/** Shapes that several routes name. */
export const COMPONENTS = {
  Event: Type.Object(
    { ...eventMembers, idempotency_key: text('A retry with the same key returns the first receipt.') },
    { additionalProperties: false, description: 'What happened. Only action is required.' },
  ),
  Record: recordSchema,
  StoredRecord: storedRecord,
  Receipt: receiptSchema,
  BulkResult: Type.Object({
    received: Type.Integer(),
    recorded: Type.Integer(),
    duplicates: Type.Integer(),
    failed: Type.Integer(),
    first_seq: Type.Optional(Type.Integer()),
    last_seq: Type.Optional(Type.Integer()),
    errors: Type.Array(
      Type.Object({
        line: Type.Integer(),
        status: Type.Integer(),
        code: Type.String(),
        detail: Type.String(),
      }),
      { description: 'The first 100.' },
    ),
  }),
  RecordPage: Type.Object({
    records: Type.Array(storedRecord),
    next_cursor: Type.Union([Type.String(), Type.Null()]),
    position: Type.Integer({ description: 'The listing covers records with seq below this.' }),
    lag: Type.Integer({ description: 'Durable records that were not indexed yet.' }),
  }),
  Run: Type.Object(
    {
      correlation_id: Type.String(),
      steps: Type.Integer(),
      status: Type.String(),
      duration_ms: Type.Number(),
      events: Type.Array(Type.Object({}, { additionalProperties: true })),
    },
    { additionalProperties: true, description: 'A run, summed up and step by step, in the run-log fields.' },
  ),
  AuditList: Type.Object({
    entries: Type.Array(
      Type.Object({
        recorded_at: Type.String(),
        actor: Type.String(),
        action: Type.String(),
        target: Type.Union([Type.String(), Type.Null()]),
        outcome,
      }),
    ),
  }),
  VerifyReport: Type.Object(
    {
      ok: Type.Boolean(),
      verdict: Type.String({ enum: ['consistent', 'damaged', 'not_checked'] }),
      records_checked: Type.Integer(),
      first_bad_seq: Type.Union([Type.Integer(), Type.Null()]),
      damage: Type.Union([Type.String(), Type.Null()]),
      detail: Type.String(),
    },
    { additionalProperties: true },
  ),
  Checkpoint: Type.Object({
    origin: Type.String({ description: "The ledger's name." }),
    size: Type.Integer({ minimum: 1, description: 'It covers the records with seq below this.' }),
    root: hex64('Root of the tree.'),
    note: Type.String({ description: 'The signed note (c2sp.org/tlog-checkpoint).' }),
    signed_at: Type.String({ format: 'date-time', description: "By the log's own clock." }),
    verifier_keys: Type.Array(Type.String(), { description: 'The active one first.' }),
  }),
  ConsistencyProof: Type.Object({
    origin: Type.String({ description: "The ledger's name." }),
    from: Type.Integer({ minimum: 0 }),
    to: Type.Integer({ minimum: 0 }),
    from_root: hex64('Root of the older tree.'),
    to_root: hex64('Root of the newer tree.'),
    hashes: Type.Array(hex64('One hash of the proof.')),
  }),
  Token: Type.Object(tokenMembers),
  NewToken: Type.Object({ ...tokenMembers, secret: Type.String({ description: 'Shown this once.' }) }),
  Problem: Type.Object(
    {
      type: Type.String({ examples: ['urn:indelible:error:EVENT_INVALID'] }),
      title: Type.String(),
      status: Type.Integer(),
      detail: Type.String(),
      code: Type.String({ enum: Object.keys(ERRORS) }),
      remedy: Type.String(),
      instance: Type.String({
        description: 'The run of this request: records about it carry the same correlation id.',
      }),
      details: Type.Optional(Type.Object({}, { additionalProperties: true })),
    },
    { additionalProperties: true, description: 'RFC 9457.' },
  ),
};
