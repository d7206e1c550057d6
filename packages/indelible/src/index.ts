// Adding a name here makes it public.
export {
  type Actor,
  type Attachment,
  type Event,
  IndelibleError,
  isIndelibleError,
  type LedgerRecord,
  type Receipt,
  type Resource,
  type Session,
} from '@indelible/core';
export type {
  Anchor,
  AnchoredCheckpoint,
  AnchorReceipt,
  CheckpointToAnchor,
  ReceiptVerdict,
} from './anchors/contract.ts';
export {
  checkTimestampToken,
  type TokenCheckOptions,
  type TokenVerdict,
} from './anchors/timestamp/check-token.ts';
export { type VerifiedWebhook, verifyWebhook, type WebhookHeaders } from './anchors/webhook/signature.ts';
export {
  type CopiedLedger,
  type CopyLedgerOptions,
  type CopyProgress,
  type CopySummary,
  copyLedger,
} from './compose/copy-ledger.ts';
export {
  type Archive,
  type ArchiveLag,
  type ArchiveStatus,
  type OpenArchiveOptions,
  openArchive,
} from './compose/moving.ts';
export { type OpenedOperations, type OperationsOptions, openOperations } from './compose/operations.ts';
export { openStoredProofs, verifiedPosition } from './compose/verification.ts';
export { type OpenOptions, openLedger } from './compose.ts';
export type { Connector } from './connectors/contract.ts';
export {
  contextFromTraceparent,
  currentContext,
  onBehalfOf,
  type RecordContext,
  traceparent,
  withContext,
} from './ledger/context.ts';
export { Ledger } from './ledger/ledger.ts';
export type {
  ChainKey,
  LedgerLog,
  LedgerOptions,
  LedgerStats,
  RecordOptions,
  VerifyReport,
} from './ledger/types.ts';
export { type VerifyOptions, verifyLog } from './ledger/verify.ts';
export { type Approver, changeApprovers, listApprovers } from './operations/approvers.ts';
export { type ApplyOptions, OperationEngine } from './operations/engine.ts';
export { type EnrolmentStatement, endorse, enrolmentText } from './operations/enrolment.ts';
export type { BreakGlassNotice, EngineOptions } from './operations/parts.ts';
export { planHash } from './operations/plan-hash.ts';
export { schemaText as policySchema } from './operations/policy/schema.ts';
export type { Operation, OperationRequest, Vote, VoteSignature } from './operations/types.ts';
export { type Statement, signStatement, statementText } from './operations/votes.ts';
export { type CommandSignerOptions, openCommandSigner } from './transparency/command-signer.ts';
export type {
  Cosigner,
  PublishedCheckpoint,
  Transparency,
  TransparencyReader,
} from './transparency/contract.ts';
export { signerFromEnvironment } from './transparency/environment-signer.ts';
export { type ExportedLog, type ExportLogOptions, exportLog } from './transparency/export-log.ts';
export {
  defaultSigningKeyPath,
  type FileSigner,
  loadOrCreateSigningKey,
  loadSigningKey,
} from './transparency/signing-key-file.ts';
export { type ExportOptions, type ExportVerdict, verifyExport } from './verification/verify-export.ts';
export {
  type LedgerVerification,
  type VerifyLedgerOptions,
  verifyLedger,
} from './verification/verify-ledger.ts';
