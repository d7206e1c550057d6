/**
 * One look at a log: what it shows now against what is trusted. Decides nothing and keeps nothing.
 */
import { EMPTY_ROOT, IndelibleError } from '@indelible/core';
import { checkEntries } from './entries.ts';
import type { FindingKind, SeenCheckpoint } from './findings.ts';
import { checkGrowth, checkRoot, type TreeHead } from './growth.ts';
import type { LogSource } from './log-source.ts';
import { type LogIdentity, openShown } from './shown-checkpoint.ts';

/** A problem with what was shown, and the note that it contradicts. */
export interface Problem {
  readonly kind: FindingKind;
  readonly detail: string;
  readonly shown: Uint8Array;
  readonly head: TreeHead | null;
  readonly against: SeenCheckpoint | null;
}

export interface Look {
  /** What the log shows, verified as far as `problems` and `faults` do not say otherwise; null when it did not come to that. */
  readonly checkpoint: SeenCheckpoint | null;
  readonly entries: TreeHead;
  readonly problems: readonly Problem[];
  /** Why something could not be checked. */
  readonly faults: readonly string[];
  /** The same about other holders of checkpoints, which does not hold up trust. */
  readonly asides: readonly string[];
}

export interface LookOptions {
  readonly source: LogSource;
  readonly identity: LogIdentity;
  /** Holders of checkpoints other than the log. */
  readonly others: readonly {
    readonly name: string;
    readonly read: (signal?: AbortSignal) => Promise<Uint8Array>;
  }[];
  readonly with_entries: boolean;
  /** Waits before a smaller checkpoint is believed: a cache may hold an old one for some seconds. */
  readonly pause: (signal?: AbortSignal) => Promise<void>;
  readonly signal?: AbortSignal;
}

export interface Trusted {
  readonly checkpoint: SeenCheckpoint | null;
  readonly entries: TreeHead;
}

export const NO_ENTRIES: TreeHead = { size: 0, root: EMPTY_ROOT };

/** Looks once. */
export async function lookAt(trusted: Trusted, options: LookOptions): Promise<Look> {
  const { source, signal } = options;
  const problems: Problem[] = [];
  const faults: string[] = [];
  const asides: string[] = [];
  let checkpoint: SeenCheckpoint | null = null;
  let { entries } = trusted;
  try {
    const { bytes, opened } = await readShown(trusted, options);
    const add = (kind: FindingKind, detail: string, head: TreeHead | null): void => {
      problems.push({ kind, detail, shown: bytes, head, against: trusted.checkpoint });
    };
    if (!opened.ok) {
      add(opened.kind, opened.detail, null);
      return { checkpoint, entries, problems, faults, asides };
    }
    const shown = opened.checkpoint;
    if (opened.lacks_witnesses !== null) add('policy_not_met', opened.lacks_witnesses, shown);
    if (trusted.checkpoint !== null && shown.size < trusted.checkpoint.size) {
      add('rewind', `the log shows ${shown.size} records; it showed ${trusted.checkpoint.size}`, shown);
      const back = await checkGrowth(shown, trusted.checkpoint, source, signal);
      if (!back.ok) add(back.kind, back.detail, shown);
      return { checkpoint, entries, problems, faults, asides };
    }
    const grown =
      trusted.checkpoint === null
        ? await checkRoot(shown, source, signal)
        : await checkGrowth(trusted.checkpoint, shown, source, signal);
    if (!grown.ok) add(grown.kind, grown.detail, shown);
    for (const problem of await compareOthers(shown, bytes, options, asides)) problems.push(problem);
    if (problems.length > 0) return { checkpoint, entries, problems, faults, asides };
    checkpoint = shown;
    if (options.with_entries && shown.size > entries.size) {
      const checked = await checkEntries(entries, shown, source, signal);
      if (checked.ok) entries = { size: shown.size, root: shown.root };
      else add(checked.kind, checked.detail, shown);
    }
  } catch (error) {
    faults.push(wordsFor(error, signal));
  }
  return { checkpoint: problems.length > 0 ? null : checkpoint, entries, problems, faults, asides };
}

async function readShown(
  trusted: Trusted,
  { source, identity, pause, signal }: LookOptions,
): Promise<{ bytes: Uint8Array; opened: ReturnType<typeof openShown> }> {
  const bytes = await source.checkpoint(signal);
  const opened = openShown(bytes, identity);
  if (!opened.ok || opened.checkpoint.size >= (trusted.checkpoint?.size ?? 0)) return { bytes, opened };
  await pause(signal);
  const again = await source.checkpoint(signal);
  return { bytes: again, opened: openShown(again, identity) };
}

/** A log that shows others another history has signed both: the other's note and ours do not fit together. */
async function compareOthers(
  shown: SeenCheckpoint,
  shown_bytes: Uint8Array,
  { others, identity, source, signal }: LookOptions,
  asides: string[],
): Promise<Problem[]> {
  const problems: Problem[] = [];
  for (const { name, read } of others) {
    try {
      const opened = openShown(await read(signal), identity);
      if (!opened.ok) {
        asides.push(`${name} holds nothing to compare with: ${opened.detail}`);
        continue;
      }
      const { checkpoint } = opened;
      if (checkpoint.size > shown.size) {
        asides.push(
          `${name} holds a checkpoint of ${checkpoint.size} records; the log shows ${shown.size} yet`,
        );
        continue;
      }
      const fits = await checkGrowth(checkpoint, shown, source, signal);
      if (fits.ok) continue;
      const detail = `${name} holds another history: ${fits.detail}`;
      problems.push({ kind: fits.kind, detail, shown: shown_bytes, head: shown, against: checkpoint });
    } catch (error) {
      asides.push(`${name} could not be compared with: ${wordsFor(error, signal)}`);
    }
  }
  return problems;
}

function wordsFor(error: unknown, signal: AbortSignal | undefined): string {
  if (signal?.aborted) return 'the look was broken off';
  // Anything but our own errors is a mistake in this program, and must not pass as one of the network.
  if (!(error instanceof IndelibleError)) throw error;
  return error.message;
}
