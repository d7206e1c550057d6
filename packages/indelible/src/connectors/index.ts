// Adding a name here makes it public: what connectors are written with.
export type {
  Blobs,
  Capabilities,
  Connector,
  ConnectorAction,
  ConnectorContext,
  ConnectorLimits,
  ConnectorPlan,
  ConnectorSnapshot,
  DryRun,
  EffectContext,
  EffectOutcome,
  ExecutedTarget,
  Execution,
  Guarantee,
  PlannedTarget,
  Probe,
  RollbackContract,
  StateDiff,
  TargetState,
  Verification,
} from './contract.ts';
export {
  assertInTime,
  assertLimits,
  assertPlanOf,
  assertSnapshotOf,
  assertUndoable,
  assertVersions,
  paramsCheck,
} from './shared/checks.ts';
export { jsonDiff, textDiff } from './shared/diff.ts';
export { type CapabilityRow, capabilityMatrix } from './shared/matrix.ts';
export { sameState, stateOf, verificationOf } from './shared/state.ts';
