/**
 * What an anchor holds of a log, against what the log is now.
 *
 * An anchor proves something about this log only by notes that the log signed: others are told, and count for nothing.
 */
import { CheckpointJudge, isIndelibleError } from '@indelible/core';
import type { Anchor, AnchoredCheckpoint } from '../anchors/contract.ts';
import type { TransparencyReader } from '../transparency/contract.ts';

export interface AnchorComparison {
  readonly anchor: string;
  readonly kind: Anchor['kind'];
  /** `agrees`; `contradicts`: the log was cut or rewritten; `not_checked`: it cannot be asked, or could not. */
  readonly verdict: 'agrees' | 'contradicts' | 'not_checked';
  /** Checkpoints of this log that it holds. */
  readonly held: number;
  /** Records that the largest of them covers. */
  readonly size: number | null;
  readonly anchored_at: string | null;
  readonly detail: string;
}

/** Compares everything that one anchor holds. */
export async function compareAnchor(anchor: Anchor, log: TransparencyReader): Promise<AnchorComparison> {
  const { name, kind } = anchor;
  const nothing = { anchor: name, kind, held: 0, size: null, anchored_at: null };
  if (anchor.all === undefined)
    return { ...nothing, verdict: 'not_checked', detail: 'it cannot be asked what it holds' };
  const judge = new CheckpointJudge({ origin: log.origin, log_keys: log.verifier_keys, policy: null });
  let held = 0;
  let foreign = 0;
  let largest: AnchoredCheckpoint | null = null;
  let contradiction: string | null = null;
  try {
    for await (const kept of anchor.all(log.origin)) {
      if (judge.judge(kept.checkpoint.note).problem !== null) {
        foreign++;
        continue;
      }
      held++;
      largest = kept;
      contradiction ??= await contradictionOf(kept, log);
    }
  } catch (error) {
    if (!isIndelibleError(error)) throw error;
    return { ...nothing, held, verdict: 'not_checked', detail: `${error.code}: ${error.message}` };
  }
  const found = {
    ...nothing,
    held,
    size: largest?.checkpoint.size ?? null,
    anchored_at: largest?.anchored_at ?? null,
  };
  if (contradiction !== null) return { ...found, verdict: 'contradicts', detail: contradiction };
  const others = foreign === 0 ? '' : `; ${foreign} more are not signed by this log`;
  return held === 0
    ? { ...found, verdict: 'not_checked', detail: `it holds no checkpoint of this log${others}` }
    : { ...found, verdict: 'agrees', detail: `the log continues all that it holds${others}` };
}

/** Null when the log still has the root that was anchored. */
async function contradictionOf(
  { checkpoint }: AnchoredCheckpoint,
  log: TransparencyReader,
): Promise<string | null> {
  const { size, root } = checkpoint;
  const now = (await log.latest())?.size ?? 0;
  if (size > now)
    return `it holds a checkpoint of ${size} records; the log has one of ${now}: its end was cut`;
  const ours = await log.root(size);
  return ours === root
    ? null
    : `the first ${size} records had another root when they were anchored: they were rewritten`;
}
