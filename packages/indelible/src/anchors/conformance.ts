/**
 * What every anchor must do, as cases that any test runner can run.
 *
 * Certify an anchor of your own:
 *
 *     import { test } from 'node:test';
 *     import { runAnchorConformance } from 'indelible/conformance/anchors';
 *     runAnchorConformance(test, 'my anchor', async () => ({ open: () => …, kept: () => …, remove: () => … }));
 */
import type { AnchorCase, MakeAnchorPlace } from './conformance/case.ts';
import { PUBLISH_CASES, RECEIPT_CASES } from './conformance/cases.ts';

export {
  type AnchorCase,
  type AnchorPlace,
  type MakeAnchorPlace,
  sampleCheckpoint,
} from './conformance/case.ts';

/** All cases, each on a place of its own. */
export const ANCHOR_CASES: readonly AnchorCase[] = [...PUBLISH_CASES, ...RECEIPT_CASES];

/** The cases of one anchor, ready to run in any runner: `run` rejects when the anchor does not conform. */
export function anchorConformance(
  anchor: string,
  make: MakeAnchorPlace,
): { name: string; run: () => Promise<void> }[] {
  return ANCHOR_CASES.map(({ name, run }) => ({ name: `${anchor}: ${name}`, run: () => inPlace(make, run) }));
}

/** Registers the cases with a runner such as node:test's `test`. */
export function runAnchorConformance(
  test: (name: string, run: () => Promise<void>) => unknown,
  anchor: string,
  make: MakeAnchorPlace,
): void {
  for (const { name, run } of anchorConformance(anchor, make)) test(name, run);
}

/** Closes what a failed case left open, and removes the place. */
async function inPlace(make: MakeAnchorPlace, run: AnchorCase['run']): Promise<void> {
  const place = await make();
  const opened: { close(): Promise<void> }[] = [];
  try {
    await run({
      ...place,
      open: async () => {
        const anchor = await place.open();
        opened.push(anchor);
        return anchor;
      },
    });
  } finally {
    for (const anchor of opened.reverse()) await anchor.close();
    await place.remove();
  }
}
