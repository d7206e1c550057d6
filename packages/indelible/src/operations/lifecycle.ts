/**
 * The lifecycle of a governed write, as one table: states, transitions, and who may make each.
 *
 * Everything that depends on the lifecycle reads this table: the fold that rebuilds an operation from its records, the
 * engine before it writes one, and the diagram in docs/reference/operations.md.
 *
 * Pure:    no I/O.
 */

/** In whose part somebody acts. Who may play it is for the engine to check; what it may do is in TRANSITIONS. */
export const PARTS = [
  'requester',
  'approver',
  'executor',
  'recovery',
  'verifier',
  'operator',
  'engine',
] as const;
export type Part = (typeof PARTS)[number];

interface StateFacts {
  readonly summary: string;
  /** Nothing follows. */
  readonly ends: boolean;
}

/** Every state, in the order in which an operation comes to them. */
export const STATES = {
  planned: { summary: 'Targets and steps are resolved; nothing has been decided.', ends: false },
  validated: { summary: 'Policy has decided, the dry run is done, the plan hash is fixed.', ends: false },
  rejected: { summary: 'It could not be validated.', ends: true },
  pending_approval: { summary: 'It waits for people to approve the plan hash.', ends: false },
  approved: { summary: 'It may be executed once, before its deadline.', ends: false },
  denied: { summary: 'Policy or an approver said no.', ends: true },
  expired: { summary: 'A deadline passed before it was approved, or executed.', ends: true },
  stale: { summary: 'Something is no longer what was approved.', ends: true },
  cancelled: { summary: 'It was withdrawn before it was executed.', ends: true },
  executing: {
    summary: 'The intent is durable, the approval is used up, the effect is under way.',
    ends: false,
  },
  indeterminate: { summary: 'Nobody knows whether the effect happened; it is being probed.', ends: false },
  executed: { summary: 'The effect happened, and the receipt is recorded.', ends: false },
  failed: { summary: 'It is certain that nothing happened.', ends: true },
  partially_executed: { summary: 'Some of it happened.', ends: false },
  verified: { summary: 'The targets were read back and are as the execution left them.', ends: false },
  verify_failed: { summary: 'The targets were read back and are something else.', ends: false },
  rollback_requested: { summary: 'A rollback of it is under way, as an operation of its own.', ends: false },
  rolled_back: { summary: 'A rollback restored what was before.', ends: true },
  partially_compensated: { summary: 'Some of what happened was undone, some could not be.', ends: false },
  rollback_failed: { summary: 'The rollback did not end well.', ends: false },
  needs_operator: { summary: 'Only a person can find out, or decide, what is next.', ends: false },
  accepted_with_exception: { summary: 'People have accepted it as it is.', ends: false },
  closed: { summary: 'It is over, and can no longer be undone as this operation.', ends: true },
} as const satisfies Readonly<Record<string, StateFacts>>;
export type State = keyof typeof STATES;

/** What must hold besides; the fold checks each from the operation's records alone. */
export type Guard =
  /** As many distinct people as every requirement asks for, and no veto; or no requirement at all. */
  | 'approved'
  /** A veto, or a decision of policy that denies. */
  | 'refused'
  /** Not used before, not past `execute_before`, by the plan hash that was approved. */
  | 'may_execute'
  /** A break-glass operation was reviewed. */
  | 'reviewed'
  /** As many distinct people as the decision asks for have accepted the exception. */
  | 'accepted';

export interface Transition {
  /** null: from nothing. */
  readonly from: State | null;
  readonly to: State;
  readonly by: readonly Part[];
  readonly when: string;
  readonly guard?: Guard;
}

/** All transitions there are; whatever is not here is refused, and the refusal recorded. */
export const TRANSITIONS: readonly Transition[] = [
  { from: null, to: 'planned', by: ['requester', 'engine'], when: 'a plan was made' },
  { from: 'planned', to: 'validated', by: ['engine'], when: 'policy decided, and the dry run is done' },
  { from: 'planned', to: 'rejected', by: ['engine'], when: 'the dry run failed' },
  { from: 'validated', to: 'pending_approval', by: ['engine'], when: 'policy asks for approval' },
  {
    from: 'validated',
    to: 'approved',
    by: ['engine', 'requester'],
    when: 'policy allows it without',
    guard: 'approved',
  },
  { from: 'validated', to: 'denied', by: ['engine'], when: 'policy denies', guard: 'refused' },
  { from: 'validated', to: 'cancelled', by: ['requester', 'operator'], when: 'it is withdrawn' },
  { from: 'validated', to: 'expired', by: ['engine'], when: 'its deadline passed' },
  {
    from: 'pending_approval',
    to: 'approved',
    by: ['engine'],
    when: 'enough people approved',
    guard: 'approved',
  },
  { from: 'pending_approval', to: 'denied', by: ['engine'], when: 'one approver vetoed', guard: 'refused' },
  { from: 'pending_approval', to: 'expired', by: ['engine'], when: 'the time for approval is over' },
  { from: 'pending_approval', to: 'cancelled', by: ['requester', 'operator'], when: 'it is withdrawn' },
  {
    from: 'approved',
    to: 'executing',
    by: ['executor'],
    when: 'nothing has changed since',
    guard: 'may_execute',
  },
  { from: 'approved', to: 'expired', by: ['engine'], when: 'the time for execution is over' },
  { from: 'approved', to: 'stale', by: ['engine'], when: 'something has changed since' },
  { from: 'approved', to: 'cancelled', by: ['requester', 'operator'], when: 'it is withdrawn' },
  { from: 'executing', to: 'executed', by: ['executor'], when: 'the effect happened' },
  { from: 'executing', to: 'failed', by: ['executor'], when: 'nothing happened' },
  { from: 'executing', to: 'partially_executed', by: ['executor'], when: 'some of it happened' },
  {
    from: 'executing',
    to: 'indeterminate',
    by: ['executor', 'recovery'],
    when: 'its answer was lost, or its lease ran out',
  },
  { from: 'indeterminate', to: 'indeterminate', by: ['recovery'], when: 'another one takes over' },
  { from: 'indeterminate', to: 'executed', by: ['recovery'], when: 'the probe finds the effect' },
  { from: 'indeterminate', to: 'failed', by: ['recovery'], when: 'the probe finds that nothing happened' },
  { from: 'indeterminate', to: 'partially_executed', by: ['recovery'], when: 'the probe finds a part' },
  {
    from: 'indeterminate',
    to: 'executing',
    by: ['recovery'],
    when: 'nothing happened, and trying again is safe',
    guard: 'may_execute',
  },
  { from: 'indeterminate', to: 'needs_operator', by: ['recovery'], when: 'the probe cannot tell' },
  { from: 'executed', to: 'verified', by: ['verifier'], when: 'read back, it matches' },
  { from: 'executed', to: 'verify_failed', by: ['verifier'], when: 'read back, it differs' },
  { from: 'partially_executed', to: 'rollback_requested', by: ['engine'], when: 'what happened is undone' },
  {
    from: 'partially_executed',
    to: 'needs_operator',
    by: ['engine'],
    when: 'what happened cannot be undone',
  },
  {
    from: 'partially_executed',
    to: 'accepted_with_exception',
    by: ['engine'],
    when: 'people accept it',
    guard: 'accepted',
  },
  { from: 'verified', to: 'rollback_requested', by: ['engine'], when: 'it is to be undone' },
  {
    from: 'verified',
    to: 'closed',
    by: ['engine', 'operator'],
    when: 'its window is over',
    guard: 'reviewed',
  },
  { from: 'verify_failed', to: 'rollback_requested', by: ['engine'], when: 'it is to be undone' },
  { from: 'verify_failed', to: 'needs_operator', by: ['engine', 'operator'], when: 'it cannot be undone' },
  {
    from: 'verify_failed',
    to: 'accepted_with_exception',
    by: ['engine'],
    when: 'people accept it',
    guard: 'accepted',
  },
  { from: 'rollback_requested', to: 'rolled_back', by: ['engine'], when: 'the rollback was verified' },
  {
    from: 'rollback_requested',
    to: 'partially_compensated',
    by: ['engine'],
    when: 'some of it could not be undone',
  },
  { from: 'rollback_requested', to: 'rollback_failed', by: ['engine'], when: 'the rollback ended otherwise' },
  { from: 'rollback_requested', to: 'verified', by: ['engine'], when: 'the rollback was not made' },
  { from: 'rollback_requested', to: 'verify_failed', by: ['engine'], when: 'the rollback was not made' },
  { from: 'rollback_requested', to: 'partially_executed', by: ['engine'], when: 'the rollback was not made' },
  { from: 'rollback_requested', to: 'needs_operator', by: ['engine'], when: 'the rollback was not made' },
  { from: 'partially_compensated', to: 'needs_operator', by: ['engine'], when: 'at once' },
  { from: 'rollback_failed', to: 'needs_operator', by: ['engine'], when: 'at once' },
  { from: 'needs_operator', to: 'executed', by: ['operator'], when: 'a person found that it happened' },
  { from: 'needs_operator', to: 'failed', by: ['operator'], when: 'a person found that nothing happened' },
  { from: 'needs_operator', to: 'rollback_requested', by: ['engine'], when: 'it is to be undone' },
  {
    from: 'needs_operator',
    to: 'accepted_with_exception',
    by: ['engine'],
    when: 'people accept it',
    guard: 'accepted',
  },
  {
    from: 'accepted_with_exception',
    to: 'closed',
    by: ['engine', 'operator'],
    when: 'its window is over',
    guard: 'reviewed',
  },
];

const BY_ENDS = new Map(TRANSITIONS.map((one) => [`${one.from}>${one.to}`, one]));

/** The transition between two states; undefined when there is none. */
export function transitionBetween(from: State | null, to: State): Transition | undefined {
  return BY_ENDS.get(`${from}>${to}`);
}

export function isState(text: unknown): text is State {
  return typeof text === 'string' && Object.hasOwn(STATES, text);
}

/** True when nothing can follow. */
export function isOver(state: State): boolean {
  return STATES[state].ends;
}
