/**
 * Compares a log, while and after it is read, with what was signed and with what is kept elsewhere.
 */
import {
  type AnchorClaim,
  EMPTY_ROOT,
  formatVerifierKey,
  type GradedVerdict,
  gradeVerdict,
  isLine,
  type JudgedCheckpoint,
  leafHash,
  lineBody,
  type RangeState,
  TILE_WIDTH,
  type VerdictFinding,
} from '@indelible/core';
import type { Leaves } from '../ledger/leaf-tiles.ts';
import type { ProofChecker, ProofFindings } from '../ledger/types.ts';
import { type ChainPosition, type ChainVerdict, unlessDamaged } from '../ledger/verify-chain.ts';
import { chainFacts } from '../ledger/verify-report.ts';
import type { LogStore } from '../stores/contract.ts';
import { askAnchor, decidingClaims, keptClaim, recordedClaims } from './anchor-claims.ts';
import { judgeDeciding, type ReadCheckpoint, readHistory, readNote } from './checkpoints.ts';
import { findingsOf } from './findings.ts';
import { limitsOf } from './limits.ts';
import { storedRange } from './stored-range.ts';
import { TreeComparer, type TreeComparison } from './stored-tree.ts';
import { type HashedLog, rangeOf, rootsAt } from './tree-roots.ts';
import { type TrustedKeys, trustedKeys } from './trusted-keys.ts';
import type { StoredProofs, VerifiedPosition, VerifyTrust } from './types.ts';

export interface CheckProofsOptions {
  readonly store: LogStore;
  readonly stored: StoredProofs | null;
  readonly trust: VerifyTrust;
  /** Where to go on; null: the whole log. */
  readonly position: VerifiedPosition | null;
  /** RFC 3339; of the new position. */
  readonly now: string;
}

export class CheckProofs implements ProofChecker {
  readonly #options: CheckProofsOptions;
  readonly #comparer: TreeComparer | null;
  #reached: VerifiedPosition | null = null;

  static async begin(options: CheckProofsOptions): Promise<CheckProofs> {
    const tree = options.stored?.tree ?? null;
    return new CheckProofs(options, tree === null ? null : await TreeComparer.begin(tree));
  }

  private constructor(options: CheckProofsOptions, comparer: TreeComparer | null) {
    this.#options = options;
    this.#comparer = comparer;
  }

  get tree(): 'roots' | 'leaves' {
    return this.#comparer === null ? 'roots' : 'leaves';
  }

  get from(): ChainPosition | null {
    return this.#options.position?.chain ?? null;
  }

  /** How far the log was verified; null where that cannot be gone on from. */
  get reached(): VerifiedPosition | null {
    return this.#reached;
  }

  takeLeaves(leaves: Leaves): void {
    this.#comparer?.take(leaves);
  }

  async conclude(chain: ChainVerdict): Promise<ProofFindings> {
    const { stored, trust, position } = this.#options;
    const { anchors = [], kept = [], policy = null, timestamps = null } = trust;
    const listed = (policy?.logs ?? []).map(({ key }) => formatVerifierKey(key));
    const keys = trustedKeys(trust.keys ?? [], listed.length > 0, chain.proof_records, position?.keys);
    const verifier_keys = [...keys.keys, ...listed];
    const given = keys.from === 'given' ? verifier_keys : null;
    const origin = chain.ledger;
    const history =
      stored === null ? { checkpoints: [], findings: [] } : await readHistory(stored.checkpoints());
    const remembered = kept.map(({ note }) => readNote(note)).filter((note) => note !== null);
    const hashed = await this.#hashed(chain);
    const size = chain.head === null ? (hashed?.stretch.end ?? 0) : chain.head.seq + 1;
    const now = await this.#sizeNow(size);
    // About records that were written while the log was read: they are for the next verification.
    const isLater = (one: { readonly size: number }): boolean => one.size > size && one.size <= now;
    const all_signed = keys.from === null ? history.checkpoints : [...history.checkpoints, ...remembered];
    const signed = all_signed.filter((one) => !isLater(one));
    const all_claims = [
      ...kept.map((one) => keptClaim(one, origin)),
      ...(await Promise.all(anchors.map((one) => askAnchor(one, origin, given)))).flat(),
      ...(await recordedClaims(chain.proof_records, anchors, timestamps)),
    ];
    const claims = all_claims.filter((one) => !isLater(one));
    const wanted = [...signed, ...claims].map((one) => one.size);
    const roots =
      hashed === null
        ? new Map<number, string>()
        : await rootsAt(
            hashed,
            [...wanted, size],
            [(tile) => this.#storedLeaves(tile), (tile) => this.#hashedLeaves(tile)],
          );
    roots.set(0, EMPTY_ROOT);
    const tree = { size, roots };
    const judged = judgeDeciding(signed, tree, { origin, log_keys: keys.keys, policy });
    const graded = this.#grade(
      chain,
      tree,
      judged,
      decidingClaims(claims, tree),
      keys,
      history.findings,
      signed,
    );
    const compared = await this.#compareTree(chain, hashed, size, signed);
    this.#reached = this.#positionAt(chain, hashed, roots.get(size), keys);
    const found = findingsOf(graded, compared?.findings);
    return {
      verifier_keys,
      graded,
      compared: {
        verified_from: position?.size ?? 0,
        tree: compared === null ? null : { checked: compared.checked, lag: compared.lag },
        checkpoints: signed.length,
        keys: keys.keys,
        keys_from: keys.from,
      },
      findings: [...found, ...(compared?.findings ?? [])],
      findings_total: (compared?.findings_total ?? 0) + found.length,
    };
  }

  async #sizeNow(size: number): Promise<number> {
    const head = await this.#options.store.head().catch((error: unknown) => unlessDamaged(error, null));
    return Math.max(size, (head?.seq ?? -1) + 1);
  }

  #grade(
    chain: ChainVerdict,
    tree: { readonly size: number; readonly roots: ReadonlyMap<number, string> },
    judged: readonly JudgedCheckpoint[],
    anchors: readonly AnchorClaim[],
    keys: TrustedKeys,
    findings: readonly VerdictFinding[],
    signed: readonly ReadCheckpoint[],
  ): GradedVerdict {
    const { stored, trust, position } = this.#options;
    const missing: VerdictFinding[] =
      signed.length > 0 || !(keys.from === 'given' || (stored !== null && keys.announced.length > 0))
        ? []
        : [
            {
              problem: 'checkpoint_missing',
              severity: 'incomplete',
              size: tree.size,
              detail:
                keys.announced.length > 0
                  ? 'the log announces a key that signs its checkpoints, and none of them is there: give one that was kept (--checkpoint)'
                  : 'no checkpoint is there that the keys given could have signed',
            },
          ];
    const has_tree = tree.roots.has(tree.size);
    const graded = gradeVerdict({
      // Not known to begin elsewhere than where it was verified from.
      chain: chainFacts(chain, chain.first_seq),
      tree,
      tree_problem: has_tree
        ? null
        : `the log begins at record ${chain.first_seq}, and the hashes of the tree before it are not there`,
      checkpoints: judged,
      policy: trust.policy ?? null,
      anchors,
      findings: [...findings, ...missing],
    });
    return limitsOf(graded, { keys, position });
  }

  /** The tree of the log as it was read, with what stands in front of it. */
  async #hashed(chain: ChainVerdict): Promise<HashedLog | null> {
    const { position, stored } = this.#options;
    const begin = position?.size ?? chain.hashed?.begin ?? 0;
    const nothing = new Uint8Array();
    const stretch = chain.hashed ?? { begin, end: begin, head: nothing, tiles: nothing, tail: nothing };
    if (position !== null) return { before: position.tree, stretch };
    if (stretch.begin === 0) return { before: null, stretch };
    const before: RangeState | null =
      stored?.tree == null ? null : await storedRange(stored.tree, stretch.begin);
    return before === null ? null : { before, stretch };
  }

  async #compareTree(
    chain: ChainVerdict,
    hashed: HashedLog | null,
    size: number,
    history: readonly ReadCheckpoint[],
  ): Promise<TreeComparison | null> {
    // Where the chain is broken, places in the tree mean nothing.
    if (this.#comparer === null || hashed === null) return null;
    const { stretch } = hashed;
    const signed = history.reduce((most, one) => Math.max(most, one.size), 0);
    const first = Math.ceil(stretch.begin / TILE_WIDTH);
    const compared = await this.#comparer.finish(stretch.tiles, first, size, signed);
    return chain.findings_total === 0 ? compared : { ...compared, findings: [], findings_total: 0 };
  }

  #positionAt(
    chain: ChainVerdict,
    hashed: HashedLog | null,
    root: string | undefined,
    { announced }: TrustedKeys,
  ): VerifiedPosition | null {
    const tree = hashed === null ? null : rangeOf(hashed);
    if (chain.position === null || tree === null || root === undefined) return null;
    const { beginning, end } = chain.position;
    return {
      ledger: chain.ledger,
      size: end.seq + 1,
      root,
      verified_at: this.#options.now,
      full_at: this.#options.position?.full_at ?? this.#options.now,
      keys: announced,
      // Whether the beginning was sanctioned is settled.
      chain: { beginning: { ...beginning, seq: 0 }, end },
      tree,
    };
  }

  async #storedLeaves(tile: number): Promise<Uint8Array | null> {
    return this.#options.stored?.tree?.read(0, tile * TILE_WIDTH, TILE_WIDTH) ?? null;
  }

  /** The leaves of a complete tile, hashed again. */
  async #hashedLeaves(tile: number): Promise<Uint8Array | null> {
    const { store } = this.#options;
    const first = tile * TILE_WIDTH;
    const leaves: Buffer[] = [];
    try {
      for await (const { bytes, ends, first_seq } of store.read(first, first + TILE_WIDTH)) {
        if (first_seq !== first + leaves.length) return null;
        let start = 0;
        for (let i = 0; i < ends.length; i++) {
          const end = ends[i]!;
          if (!isLine(bytes, start, end)) return null;
          leaves.push(Buffer.from(leafHash(lineBody(bytes, start, end)), 'hex'));
          start = end;
        }
      }
    } catch (error) {
      return unlessDamaged(error, null);
    }
    return Buffer.concat(leaves);
  }
}
