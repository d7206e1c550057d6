/** What a conformance case of an anchor is, and the few checks that several cases need. */
import assert from 'node:assert/strict';
import { encodeBase64, formatCheckpoint, formatNote, isIndelibleError, sha256Hex } from '@indelible/core';
import type { Anchor, AnchoredCheckpoint, AnchorReceipt, CheckpointToAnchor } from '../contract.ts';

/** Somewhere that an anchor can keep things. */
export interface AnchorPlace {
  /** Opens the anchor that lies here. Opening again finds what was published. */
  open(): Promise<Anchor>;
  /** Called once, after all anchors were closed. */
  remove(): Promise<void>;
  /** Texts that no receipt, name or error may contain. */
  readonly secrets?: readonly string[];
  /** Everything that was kept so far, in any form, to tell whether something changed. */
  kept(): Promise<string>;
}

/** Makes an empty place. */
export type MakeAnchorPlace = () => Promise<AnchorPlace>;

export interface AnchorCase {
  readonly name: string;
  readonly run: (place: AnchorPlace) => Promise<void>;
}

export const ORIGIN = 'acme.example/prod';

/** A checkpoint whose signature nobody can verify: anchors keep notes, they do not judge them. */
export function sampleCheckpoint(
  size: number,
  { origin = ORIGIN, branch = 'main' }: { origin?: string; branch?: string } = {},
): CheckpointToAnchor {
  const root = sha256Hex(new TextEncoder().encode(`${branch} ${size}`));
  const text = formatCheckpoint({ origin, size, root, extensions: [] });
  const signature = new Uint8Array(64).fill(size & 0xff);
  return {
    origin,
    size,
    root,
    note: formatNote({ text, signatures: [{ name: origin, key_id: '01020304', signature }] }),
  };
}

/** Publishes without ever giving up. */
export function publish(anchor: Anchor, checkpoint: CheckpointToAnchor): Promise<AnchorReceipt> {
  return anchor.publish(checkpoint, new AbortController().signal);
}

/** Asserts that a receipt holds for a checkpoint. */
export async function assertHolds(
  anchor: Anchor,
  receipt: AnchorReceipt,
  checkpoint: CheckpointToAnchor,
): Promise<void> {
  const verdict = await anchor.check(receipt, checkpoint);
  assert.ok(verdict.ok, `the receipt of ${checkpoint.size} records does not check: ${verdict.detail}`);
  assert.equal(verdict.anchored_at, receipt.anchored_at, 'check and receipt agree on the time');
}

/** Asserts that the anchor holds exactly these, smallest first. Does nothing where it cannot be asked. */
export async function assertKeeps(anchor: Anchor, checkpoints: readonly CheckpointToAnchor[]): Promise<void> {
  assert.equal(anchor.all === undefined, anchor.newest === undefined, '`all` is present where `newest` is');
  if (anchor.all === undefined || anchor.newest === undefined) return;
  const origins = new Set([ORIGIN, ...checkpoints.map(({ origin }) => origin)]);
  for (const origin of origins) {
    const expected = checkpoints.filter((one) => one.origin === origin);
    const all: AnchoredCheckpoint[] = [];
    for await (const one of anchor.all(origin)) all.push(one);
    assert.deepEqual(
      all.map(({ checkpoint }) => checkpoint),
      expected,
      `all of ${origin}`,
    );
    assert.deepEqual(
      await anchor.newest(origin),
      all.at(-1) ?? null,
      `the newest of ${origin} is the last of all`,
    );
  }
}

/** Asserts that `promise` rejects with an IndelibleError of this code. */
export async function assertCode(
  promise: Promise<unknown>,
  code: Parameters<typeof isIndelibleError>[1],
): Promise<void> {
  const error = await promise.then(
    () => assert.fail(`it succeeded instead of raising ${code}`),
    (error: unknown) => error,
  );
  if (!isIndelibleError(error, code))
    throw new assert.AssertionError({ message: `raised ${error} instead of ${code}` });
}

/** Bytes in base 64, as a secret might be written. */
export const spellings = (secret: string): readonly string[] => [
  secret,
  encodeBase64(new TextEncoder().encode(secret)),
  encodeURIComponent(secret),
];
