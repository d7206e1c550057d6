/**
 * The independent verifier: from bytes, keys and a policy to a graded verdict. It knows no store, no network and no
 * clock, and runs in a browser.
 *
 * Records are pushed in order, as stored lines or as entry bundles; checkpoints come first, since the root of a size is
 * taken in passing. Nothing is kept of a record but its part in the tree.
 *
 * Errors:  PROOF_RANGE for a checkpoint that comes too late, TILE_INVALID for a bundle that is none; those of keys.
 * Source:  docs/reference/verdict.md.
 * Pure:    no I/O.
 */
import { leafHash } from '../chain/hash.ts';
import { frameLine } from '../chain/line.ts';
import { isIndelibleError } from '../errors.ts';
import type { RangeState } from '../merkle/range.ts';
import { decodeBundle } from '../tlog/entry-bundle.ts';
import { CheckpointJudge, type JudgedCheckpoint, type LogTrust } from '../tlog/judge-checkpoint.ts';
import type { ChainBeginning, ChainEnd } from './chain-state.ts';
import { type ChainReport, ChainVerifier } from './chain-verifier.ts';
import type { ChainFinding } from './damage.ts';
import { gradeVerdict } from './grade.ts';
import type { AnchorClaim } from './judge-anchors.ts';
import { KeylessChain } from './keyless.ts';
import { type HashByKey, LineReader } from './line-reader.ts';
import { TreeRoots } from './tree-roots.ts';
import type { ChainVerdict, GradedVerdict } from './verdict.ts';

/** What the verifier is given besides records. */
export interface LogVerifierOptions {
  readonly trust: LogTrust;
  /** The hashes of the chain; by default those of a plain ledger. Without a keyed ledger's key only its tree is checked. */
  readonly hashByKey?: HashByKey;
  /** Goes on behind records that were verified before: where the chain stood, and the hashes of the tree. */
  readonly from?: LogPosition;
}

/** Where a log stood: enough to go on from there. */
export interface LogPosition {
  /** Null where the chain could not be checked: it is then not checked from there on either. */
  readonly chain: { readonly beginning: ChainBeginning; readonly end: ChainEnd } | null;
  readonly tree: RangeState;
}

/** Verifies one log. */
export class LogVerifier {
  readonly #options: LogVerifierOptions;
  readonly #hashByKey: HashByKey;
  readonly #reader: LineReader;
  readonly #judge: CheckpointJudge;
  readonly #checkpoints: JudgedCheckpoint[] = [];
  readonly #anchors: AnchorClaim[] = [];
  readonly #roots: TreeRoots;
  #chain: ChainVerifier | null = null;
  #report: ChainReport | null = null;
  #keyless: KeylessChain | null = null;
  #first_seq: number | null = null;
  /** False once a log turned out to begin behind record 0 with nothing known about the tree before. */
  #has_tree = true;
  /** Hashes of bundle entries are ours, so that there is nothing beside a record to compare. */
  #has_hashes = true;

  constructor(options: LogVerifierOptions) {
    this.#options = options;
    this.#hashByKey = options.hashByKey ?? ((key_id) => (key_id === null ? leafHash : undefined));
    this.#reader = new LineReader(this.#hashByKey);
    this.#judge = new CheckpointJudge(options.trust);
    this.#roots = new TreeRoots(options.from?.tree);
  }

  /** Adds a signed checkpoint, before the records that it covers. */
  addCheckpoint(note: Uint8Array | string): JudgedCheckpoint {
    const judged = this.#judge.judge(note);
    if (judged.problem === null) this.#roots.want(judged.checkpoint!.size);
    this.#checkpoints.push(judged);
    return judged;
  }

  /** Adds what an anchor keeps, before the records that it covers. */
  addAnchor(claim: AnchorClaim): void {
    this.#roots.want(claim.size);
    this.#anchors.push(claim);
  }

  /** Takes consecutive stored lines; `ends` says where each of them ends. */
  push(bytes: Uint8Array, ends: ArrayLike<number>, stored_seqs?: ArrayLike<number>): void {
    let start = 0;
    for (let i = 0; i < ends.length; i++) {
      this.#take(bytes.subarray(start, ends[i]!), stored_seqs === undefined ? undefined : [stored_seqs[i]!]);
      start = ends[i]!;
    }
  }

  /** Takes the next entry bundle, which must hold exactly `width` records. */
  pushBundle(bytes: Uint8Array, width: number): void {
    this.#has_hashes = false;
    for (const body of decodeBundle(bytes, width)) {
      const line = frameLine(NO_HASH, body);
      this.#reader.read(line, 0, line.length);
      this.#take(this.#reader.hash === '' ? line : frameLine(this.#reader.hash, body), undefined);
    }
  }

  /** No more records: grades what was shown. */
  finish(): GradedVerdict {
    const { trust, from } = this.#options;
    const size = this.#has_tree ? this.#roots.size : (this.#first_seq ?? 0) + this.#seen();
    if (this.#has_tree) this.#roots.note();
    return gradeVerdict({
      chain: this.#chainVerdict(from?.chain?.beginning.seq ?? null),
      tree: { size, roots: this.#has_tree ? this.#roots.roots : new Map() },
      tree_problem: this.#has_tree
        ? null
        : `the log begins at record ${this.#first_seq}, and the hashes of the tree before it were not given`,
      checkpoints: this.#checkpoints,
      policy: trust.policy,
      anchors: this.#anchors,
    });
  }

  /** Where the log stood at the end, after `finish`; null when the tree is not known. */
  position(): LogPosition | null {
    if (!this.#has_tree) return null;
    const { beginning = null, end = null } = this.#report ?? {};
    const whole = this.#keyless === null && beginning !== null && end !== null;
    const before = this.#seen() === 0 ? (this.#options.from?.chain ?? null) : null;
    return { chain: whole ? { beginning, end } : before, tree: this.#roots.state() };
  }

  #seen(): number {
    return (this.#chain?.records ?? 0) + (this.#keyless?.records ?? 0);
  }

  #take(line: Uint8Array, stored_seqs: readonly number[] | undefined): void {
    if (this.#chain === null && this.#keyless === null) this.#begin(line);
    if (this.#keyless !== null) {
      this.#keyless.push(line, 0, line.length);
      return;
    }
    try {
      this.#chain!.push(line, [line.length], stored_seqs);
    } catch (error) {
      if (!isIndelibleError(error, 'KEY_UNKNOWN')) throw error;
      // The ledger moves on to a key that was not given: from here on only the tree can be checked.
      const next = error.details.seq as number;
      this.#keyless = new KeylessChain(this.#has_hashes, this.#sink(), next);
    }
  }

  /** Sees from the first line where the log begins, and whether its key is there. */
  #begin(line: Uint8Array): void {
    const reader = this.#reader;
    reader.read(line, 0, line.length);
    const { from } = this.#options;
    const known = from?.tree.end ?? 0;
    this.#first_seq = reader.problem === null ? reader.seq : known;
    // A first record that is missing is for the chain to report; the tree cannot be had either way.
    if (this.#first_seq !== known) this.#has_tree = false;
    const is_keyless = from?.chain === null || (reader.problem === null && !reader.hasKey(reader.key_id));
    if (is_keyless) this.#keyless = new KeylessChain(this.#has_hashes, this.#sink());
    else this.#chain = new ChainVerifier(this.#hashByKey, from?.chain ?? undefined, this.#sink());
  }

  #sink(): TreeRoots | undefined {
    return this.#has_tree ? this.#roots : undefined;
  }

  #chainVerdict(verified_from: number | null): ChainVerdict {
    const findings: ChainFinding[] = [];
    let findings_total = 0;
    if (this.#chain !== null) {
      const report = this.#finishChain(this.#chain);
      findings.push(...report.findings);
      findings_total += report.findings_total;
    }
    if (this.#keyless !== null) {
      findings.push(...this.#keyless.findings);
      findings_total += this.#keyless.findings_total;
    }
    const checked = this.#keyless === null ? 'fully' : this.#chain === null ? 'links' : 'partly';
    const first_seq = verified_from ?? this.#first_seq;
    return { checked, records: this.#seen(), first_seq, findings, findings_total };
  }

  /** Lines held back for a closer look may announce a key that was not given, like any others. */
  #finishChain(chain: ChainVerifier): ChainReport {
    for (;;) {
      try {
        this.#report = chain.finish();
        return this.#report;
      } catch (error) {
        if (!isIndelibleError(error, 'KEY_UNKNOWN')) throw error;
        this.#keyless ??= new KeylessChain(this.#has_hashes);
      }
    }
  }
}

const NO_HASH = '0'.repeat(64);
