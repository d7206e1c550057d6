/**
 * The one place that picks concrete stores, indexes, anchors and signers: what lies in `compose/`, under one name.
 */
export { createAnchors } from './compose/anchors.ts';
export {
  indexPath,
  isSigned,
  isSmall,
  openAttachments,
  openIndex,
  refuseKeyBesideLedger,
  treeFolder,
} from './compose/beside.ts';
export { isRemote, parseLedgerUrl, withoutCredentials } from './compose/ledger-url.ts';
export {
  type CheckpointSigner,
  createCosigner,
  DEFAULT_LEDGER_URL,
  type OpenOptions,
  openLedger,
  scheduleAnchors,
} from './compose/open-ledger.ts';
export { openStore } from './compose/open-store.ts';
export { openOutboxSealer } from './compose/outbox.ts';
export { installPostgres, postgresScript } from './compose/postgres.ts';
