// Adding a name here makes it public.
export { sha256Hex } from '#sha256';
export { type BodyHash, keyCheckValue, keyedHash, leafHash } from './chain/hash.ts';
export {
  frameLine,
  isLine,
  LINE_BODY_START,
  LINE_HASH_START,
  LINE_TAIL,
  lineBody,
  lineHash,
} from './chain/line.ts';
export { ERRORS, type ErrorCode, IndelibleError, isIndelibleError } from './errors.ts';
export { canonicalize, canonicalString } from './json/canonical.ts';
export { parseJson } from './json/parse.ts';
export { parseCanonical } from './json/parse-canonical.ts';
export { EMPTY_ROOT, GrowingTree, hashNode, merkleRoot } from './merkle/tree.ts';
export { checkEvent, checkKeyId, checkLedgerName, parseRecord } from './record/check.ts';
export { LIMITS } from './record/limits.ts';
export {
  ACTOR_TYPES,
  type Actor,
  type ActorType,
  type Event,
  GENESIS_HASH,
  type Json,
  type JsonObject,
  type LedgerRecord,
  OUTCOMES,
  type Outcome,
  type Receipt,
  type Resource,
  type Session,
} from './record/record.ts';
export type { ChainBeginning, ChainEnd } from './verify/chain-state.ts';
export { type ChainReport, ChainVerifier } from './verify/chain-verifier.ts';
export { CHAIN_DAMAGE, type ChainDamage, type ChainFinding } from './verify/damage.ts';
export type { HashByKey } from './verify/line-reader.ts';
export type { LedgerNotice } from './verify/notice.ts';
export { type StretchReport, StretchVerifier, stretchesJoin } from './verify/stretch.ts';
