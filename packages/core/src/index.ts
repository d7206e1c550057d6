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
export { parseJsonText } from './json/parse-text.ts';
export {
  type ConsistencyClaim,
  type InclusionClaim,
  PROOF_FAULTS,
  type ProofFault,
  type ProofVerdict,
  verifyConsistency,
  verifyInclusion,
} from './merkle/check-proof.ts';
export { consistencyProof, hashesOfLeaves, inclusionProof, rootOf } from './merkle/make-proof.ts';
export {
  type NodeHashes,
  nodesOfRoot,
  type ProofPlan,
  planConsistency,
  planInclusion,
  type TreeNode,
} from './merkle/nodes.ts';
export { MerkleRange, type RangeState } from './merkle/range.ts';
export { EMPTY_ROOT, GrowingTree, hashNode, merkleRoot } from './merkle/tree.ts';
export type { NoteSigner, SignatureAlgorithms, VerifySignature } from './note/algorithms.ts';
export { decodeBase64, encodeBase64 } from './note/base64.ts';
export { SIGNATURES } from './note/bundled.ts';
export {
  formatNote,
  formatSignatureLine,
  NOTE_BYTES_MAX,
  NOTE_SIGNATURES_MAX,
  type Note,
  type NoteSignature,
  parseNote,
  parseSignatureLine,
} from './note/note.ts';
export {
  ed25519Verifier,
  type NoteVerifier,
  openNote,
  type SignatureFacts,
  signText,
  type VerifiedSignature,
} from './note/open.ts';
export {
  formatVerifierKey,
  isKeyName,
  parseVerifierKey,
  SIGNATURE_TYPES,
  type SignatureType,
  type VerifierKey,
  verifierKey,
} from './note/verifier-key.ts';
export { checkEvent, checkKeyId, checkLedgerName, parseRecord } from './record/check.ts';
export { LIMITS } from './record/limits.ts';
export {
  ACTOR_TYPES,
  type Actor,
  type ActorType,
  type Attachment,
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
export {
  type AddCheckpoint,
  formatAddCheckpoint,
  formatCosignatures,
  parseAddCheckpoint,
  parseCosignatures,
  parseKnownSize,
  WITNESS_BYTES_MAX,
  WITNESS_HASHES_MAX,
} from './tlog/add-checkpoint.ts';
export {
  type CheckedProof,
  checkCheckpoint,
  checkProof,
  type Trust,
  type TrustedCheckpoint,
} from './tlog/check-proof-file.ts';
export {
  type Checkpoint,
  formatCheckpoint,
  formatHash,
  parseCheckpoint,
  parseHash,
} from './tlog/checkpoint.ts';
export { checkpointVerifier, cosignedMessage, signCheckpoint } from './tlog/cosignature.ts';
export {
  type Acceptance,
  decideAddCheckpoint,
  type KnownTree,
  type Refusal,
  type WitnessedLog,
} from './tlog/decide-checkpoint.ts';
export { decodeBundle, encodeBundle } from './tlog/entry-bundle.ts';
export { type FilledTile, GrowingTiles } from './tlog/growing-tiles.ts';
export {
  CHECKPOINT_PROBLEMS,
  CheckpointJudge,
  type CheckpointProblem,
  type JudgedCheckpoint,
  type LogTrust,
} from './tlog/judge-checkpoint.ts';
export {
  formatPolicy,
  POLICY_BYTES_MAX,
  POLICY_ENTRIES_MAX,
  type Policy,
  type PolicyGroup,
  type PolicyLog,
  type PolicyWitness,
  parsePolicy,
} from './tlog/policy.ts';
export {
  formatProof,
  PROOF_BYTES_MAX,
  PROOF_HASHES_MAX,
  type ProofFile,
  parseProof,
} from './tlog/proof-file.ts';
export { judgeQuorum, type QuorumVerdict, witnessesAmong } from './tlog/quorum.ts';
export {
  parseTilePath,
  TILE_HEIGHT,
  TILE_WIDTH,
  type Tile,
  tilePath,
  tilesBetween,
  widthAt,
} from './tlog/tile.ts';
export {
  decodeTile,
  encodeTile,
  hashesOfTiles,
  type TileBytes,
  tileRoot,
  tilesOfPlan,
} from './tlog/tile-hashes.ts';
export type { ChainBeginning, ChainEnd } from './verify/chain-state.ts';
export { type ChainReport, ChainVerifier } from './verify/chain-verifier.ts';
export { CHAIN_DAMAGE, type ChainDamage, type ChainFinding } from './verify/damage.ts';
export { gradeVerdict, type VerdictFacts } from './verify/grade.ts';
export type { AnchorClaim } from './verify/judge-anchors.ts';
export type { TreeFacts } from './verify/judge-checkpoints.ts';
export type { HashByKey } from './verify/line-reader.ts';
export { type LogPosition, LogVerifier, type LogVerifierOptions } from './verify/log-verifier.ts';
export type { LedgerNotice } from './verify/notice.ts';
export { type LeafSink, type StretchReport, StretchVerifier, stretchesJoin } from './verify/stretch.ts';
export { TreeRoots } from './verify/tree-roots.ts';
export type {
  AnchorVerdict,
  ChainVerdict,
  GradedVerdict,
  LevelStatus,
  Severity,
  TimeVerdict,
  VerdictCheckpoint,
  VerdictFinding,
  VerdictLevel,
  VerdictProblem,
} from './verify/verdict.ts';
