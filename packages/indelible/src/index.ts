// Adding a name here makes it public.
export {
  type Actor,
  type Event,
  IndelibleError,
  isIndelibleError,
  type LedgerRecord,
  type Receipt,
  type Resource,
  type Session,
} from '@indelible/core';
export { type OpenOptions, openLedger } from './compose.ts';
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
