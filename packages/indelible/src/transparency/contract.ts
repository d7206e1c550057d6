/**
 * What a ledger shows to outsiders: a Merkle tree over its records, checkpoints that commit to it, and proofs.
 *
 * Shapes:  hashes and roots are 64 lower-case hex digits; times are milliseconds since 1970.
 * Source:  c2sp.org/tlog-tiles, c2sp.org/tlog-checkpoint.
 */
import type { NoteSigner, Receipt, Tile } from '@indelible/core';
import type { LineBatch } from '../stores/contract.ts';

/** A checkpoint as it is published. */
export interface PublishedCheckpoint {
  /** Records that it covers: those with `seq` below this. */
  readonly size: number;
  readonly root: string;
  /** The signed note: the log's signatures, then those of witnesses. */
  readonly note: string;
  /** When the log signed it, by our own clock. */
  readonly signed_at: number;
}

/** The reading side: everything an outsider may ask for. Nothing here needs a private key. */
export interface TransparencyReader {
  /** First line of every checkpoint: the ledger's name. */
  readonly origin: string;
  /** Verifier keys (`name+hash+key`) that may sign this log's checkpoints, the active one first. */
  readonly verifier_keys: readonly string[];

  /** The newest published checkpoint; null before the first. */
  latest(): Promise<PublishedCheckpoint | null>;
  /** The oldest published checkpoint that covers the record; null when none does yet. */
  covering(seq: number): Promise<PublishedCheckpoint | null>;
  /** Published checkpoints of at least `from_size` records, smallest first. */
  history(from_size?: number): AsyncIterable<PublishedCheckpoint>;

  /** A hash tile, at exactly the width asked for. Raises TILE_MISSING for one that no checkpoint covers. */
  tile(tile: Tile & { readonly level: number }): Promise<Uint8Array>;
  /** A bundle of entries (records as they were hashed). Raises TILE_MISSING likewise. */
  bundle(index: number, width: number): Promise<Uint8Array>;

  /** The root of the first `size` records: the signed one where there is one. Raises PROOF_RANGE. */
  root(size: number): Promise<string>;
  /** Hashes from the record to the root of the first `size` records. Raises PROOF_RANGE. */
  inclusionProof(seq: number, size: number): Promise<string[]>;
  /** Hashes between the roots of two sizes. Raises PROOF_RANGE. */
  consistencyProof(from: number, to: number): Promise<string[]>;
  /** The record's tlog-proof file, under the oldest checkpoint that covers it. Raises CHECKPOINT_MISSING. */
  proofFile(seq: number): Promise<string>;
}

/** The whole: as the process has it that may sign. */
export interface Transparency extends TransparencyReader {
  /** Signs a checkpoint over everything durable now, unless the newest one covers it, and publishes it. */
  checkpointNow(): Promise<PublishedCheckpoint>;
  /** Resolves with the oldest checkpoint that covers the record, as soon as one is published. */
  waitFor(seq: number, signal?: AbortSignal): Promise<PublishedCheckpoint>;
  /**
   * Records that `signer` signs from now on, with a note that both keys have signed. The first checkpoint that covers
   * the record is signed by both. Raises SIGNER_REFUSED, SIGNER_MISSING.
   */
  rotateSigningKey(signer: NoteSigner): Promise<Receipt>;
  /** Records that are in the tree; 0 where this process does not keep it. */
  readonly tree_size: number;
  /** Sizes of the newest checkpoint signed and of the newest published, as far as this process knows; 0 before. */
  readonly signed_size: number;
  readonly published_size: number;
  /** The last thing that went wrong (a signer, a witness, a tree that is none), until it works again. */
  readonly fault: { readonly code: string; readonly message: string } | null;
}

/** What a ledger drives while it is open. */
export interface LogFollower {
  readonly transparency: Transparency;
  /** Before the first append; brings everything up to date. */
  open(): Promise<void>;
  /** These lines of our own are durable. Never throws, and does not keep the batch. */
  noteAppend(batch: LineBatch): void;
  /** Before a sanctioned truncation: records again what must outlive it. */
  carry(keep_from: number): Promise<void>;
  /** After the last append, before the store closes: a last checkpoint, then releases everything. */
  close(): Promise<void>;
}

/** Gathers cosignatures for a checkpoint, from as many witnesses as the policy asks for (witness/). */
export interface Cosigner {
  /**
   * Resolves with the note plus all cosignatures gathered, and whether they meet the policy. `proof` makes the
   * consistency proof from an older size. Never rejects because of one witness.
   */
  cosign(
    note: string,
    proof: (from: number) => Promise<readonly string[]>,
    signal: AbortSignal,
  ): Promise<{ readonly note: string; readonly meets_policy: boolean; readonly faults: readonly string[] }>;
}

/**
 * Where the hashes of the tree are kept: for each level one array of 32-byte hashes that only grows. Level l holds
 * the roots of complete subtrees of 256^l leaves, so that every tile of any width is a slice.
 *
 * Derived from the log: may be thrown away and built again. Writing the same bytes to the same place twice, also from
 * two processes, must be harmless.
 */
export interface TreeStorage {
  /** Hashes held at a level: the length of its array. */
  width(level: number): Promise<number>;
  /** Bytes of the hashes [from, from + count); fewer when it holds fewer. */
  read(level: number, from: number, count: number): Promise<Uint8Array>;
  /** Puts hashes at a place at or before the array's end. */
  write(level: number, from: number, hashes: Uint8Array): Promise<void>;
  /** Makes everything written so far durable. */
  sync(): Promise<void>;
  /** Drops everything at or behind this many leaves. */
  cut(leaves: number): Promise<void>;
  close(): Promise<void>;
}

/** Keeps signed checkpoints. Durable when `add` resolves: a checkpoint that was shown must never be forgotten. */
export interface CheckpointHistory {
  /**
   * Keeps a checkpoint; one of the same size adds its signatures to the old one if the roots agree.
   * Raises CHECKPOINT_FORK if they do not, and for one below the newest. `tree_synced`: the stored tree of this size is
   * durable.
   */
  add(checkpoint: PublishedCheckpoint, published: boolean, tree_synced?: boolean): Promise<void>;
  /**
   * Keeps checkpoints that another history of the same log has, of any size, all or none. Raises CHECKPOINT_FORK when
   * the roots of one size differ.
   */
  addEarlier(
    checkpoints: readonly { readonly checkpoint: PublishedCheckpoint; readonly published: boolean }[],
  ): Promise<void>;
  /** The newest that was signed, published or not. */
  newestSigned(): Promise<PublishedCheckpoint | null>;
  newest(): Promise<PublishedCheckpoint | null>;
  /** Sizes of the newest published ones, at most `count`, smallest first. */
  newestSizes(count: number): Promise<number[]>;
  /** The newest whose stored tree is known to be durable. */
  newestSynced(): Promise<PublishedCheckpoint | null>;
  /** The stored tree is durable up to a signed size; 0 takes back what was said before. */
  noteTreeSynced(size: number): Promise<void>;
  /** The published one of the smallest size that is at least `size`. */
  atLeast(size: number): Promise<PublishedCheckpoint | null>;
  /** Sequence numbers of the records about signing keys, so that the log need not be searched for them. */
  keyRecords(): Promise<number[]>;
  noteKeyRecord(seq: number): Promise<void>;
  /** Whether checkpoints are published only once witnesses have cosigned them, whichever process signs. */
  withheld(): Promise<boolean>;
  setWithheld(withheld: boolean): Promise<void>;
  close(): Promise<void>;
}
