/**
 * Anchor: a file that only grows, on a disk of somebody else (a mount, a machine that collects logs).
 *
 * The folder must be there: making it could write to the wrong disk while the right one is not mounted.
 *
 * Errors:  ANCHOR_CONFLICT, ANCHOR_DAMAGED, ANCHOR_UNAVAILABLE, CHECKPOINT_INVALID.
 */
import { IndelibleError, sha256Hex } from '@indelible/core';
import type {
  Anchor,
  AnchoredCheckpoint,
  AnchorReceipt,
  CheckpointToAnchor,
  ReceiptVerdict,
} from '../contract.ts';
import { checkedText, isHeld } from '../shared/checkpoint.ts';
import { placeFault } from '../shared/fault.ts';
import { checkpointFault, held, objectOf, refuted } from '../shared/receipt.ts';
import { addLine, readLines } from './anchor-file.ts';
import { formatEntry, parseEntry } from './lines.ts';

export interface FileAnchorOptions {
  readonly path: string;
  /** Default `file:PATH`. */
  readonly name?: string;
  /** Milliseconds since 1970; default Date.now. */
  readonly clock?: () => number;
}

/** One entry of the file, and its line. */
interface Entry extends AnchoredCheckpoint {
  readonly offset: number;
  readonly sha256: string;
}

/** Opens nothing yet: the file is made by the first checkpoint. */
export function openFileAnchor(options: FileAnchorOptions): Anchor {
  return new FileAnchor(options);
}

class FileAnchor implements Anchor {
  readonly name: string;
  readonly kind = 'file';
  readonly #path: string;
  readonly #clock: () => number;
  #last: Promise<unknown> = Promise.resolve();

  constructor({ path, name = `file:${path}`, clock = Date.now }: FileAnchorOptions) {
    this.name = name;
    this.#path = path;
    this.#clock = clock;
  }

  publish(checkpoint: CheckpointToAnchor, signal: AbortSignal): Promise<AnchorReceipt> {
    // One after another, so that each sees what the one before has written.
    const done = this.#last.then(() => this.#publish(checkpoint, signal));
    this.#last = done.catch(() => {});
    return done;
  }

  async #publish(checkpoint: CheckpointToAnchor, signal: AbortSignal): Promise<AnchorReceipt> {
    checkedText(checkpoint);
    const before = await this.#read(checkpoint.origin);
    signal.throwIfAborted();
    if (isHeld(this.name, before.newest, checkpoint)) return receiptFor(before.newest as Entry);
    const line = formatEntry(checkpoint.note, new Date(this.#clock()).toISOString());
    await this.#try(() => addLine(this.#path, line, before.torn));
    // Read back: another process may have added lines meanwhile, and the receipt must say where ours is.
    const after = await this.#read(checkpoint.origin, before.end);
    const ours = after.entries.find(({ sha256 }) => sha256 === sha256Hex(Buffer.from(line)));
    if (ours === undefined) {
      throw new IndelibleError('ANCHOR_DAMAGED', `${this.name} does not hold the line that was just written`);
    }
    for (const other of after.entries) if (other !== ours) isHeld(this.name, other, checkpoint);
    return receiptFor(ours);
  }

  async newest(origin: string): Promise<AnchoredCheckpoint | null> {
    const { newest } = await this.#read(origin);
    return newest === null ? null : plain(newest);
  }

  async *all(origin: string): AsyncGenerator<AnchoredCheckpoint> {
    const { entries } = await this.#read(origin);
    yield* entries.map(plain).sort((a, b) => a.checkpoint.size - b.checkpoint.size);
  }

  async check({ evidence }: AnchorReceipt, checkpoint: CheckpointToAnchor): Promise<ReceiptVerdict> {
    const fault = checkpointFault(checkpoint);
    if (fault !== null) return fault;
    const { offset, sha256 } = objectOf(evidence) ?? {};
    if (typeof offset !== 'number' || typeof sha256 !== 'string')
      return refuted('the receipt is none of a file');
    const { entries } = await this.#read(checkpoint.origin);
    const entry = entries.find((one) => one.offset === offset);
    if (entry === undefined) return refuted(`${this.name} no longer holds what the receipt names`);
    if (entry.sha256 !== sha256) return refuted(`${this.name} was altered: the line has another digest`);
    const { size, root } = entry.checkpoint;
    if (size !== checkpoint.size || root !== checkpoint.root) {
      return refuted('the receipt is for another checkpoint');
    }
    return held(`${this.name} holds this checkpoint`, entry.anchored_at);
  }

  async close(): Promise<void> {
    await this.#last;
  }

  /** Everything that the file says about an origin. */
  async #read(origin: string, from = 0) {
    const entries: Entry[] = [];
    let newest: Entry | null = null;
    let [torn, end] = [false, from];
    await this.#try(async () => {
      for await (const { offset, bytes, whole } of readLines(this.#path, from)) {
        torn = !whole;
        // From where to look for a line that is added: a torn one becomes part of it.
        end = whole ? offset + bytes.length : offset;
        const entry = whole ? this.#parse(bytes, offset) : null;
        if (entry?.checkpoint.origin !== origin) continue;
        const found = { ...entry, offset, sha256: sha256Hex(bytes) };
        entries.push(found);
        if (newest === null || entry.checkpoint.size > newest.checkpoint.size) newest = found;
      }
    });
    return { entries, newest: newest as Entry | null, torn, end };
  }

  #parse(line: Uint8Array, offset: number): AnchoredCheckpoint | null {
    try {
      return parseEntry(line);
    } catch (error) {
      throw new IndelibleError('ANCHOR_DAMAGED', `${this.name}, byte ${offset}: ${(error as Error).message}`);
    }
  }

  async #try<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw placeFault(error, this.name);
    }
  }
}

function plain({ checkpoint, anchored_at }: Entry): AnchoredCheckpoint {
  return { checkpoint, anchored_at };
}

function receiptFor({ anchored_at, offset, sha256 }: Entry): AnchorReceipt {
  return { anchored_at, evidence: { offset, sha256 } };
}
