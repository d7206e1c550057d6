/**
 * How risky an operation is, from 1 (low) to 4 (critical): one point to begin with, and one for each row that holds.
 *
 * Where it happens is not in it: policies have `context.environment` for that.
 *
 * Pure:    no I/O.
 */
import type { PolicyRequest } from './request.ts';

export const RISK_NAMES = ['low', 'medium', 'high', 'critical'] as const;
export const RISK_MAX = 4;
const TARGETS_MANY = 10;

/** docs/guides/policies.md shows this table. */
export const RISK_POINTS: readonly {
  readonly when: string;
  readonly holds: (request: PolicyRequest) => boolean;
}[] = [
  { when: 'it cannot be undone in full', holds: ({ reversibility }) => reversibility !== 'full' },
  { when: 'it cannot be undone at all', holds: ({ reversibility }) => reversibility === 'none' },
  { when: 'it might happen twice (guarantee `none`)', holds: ({ guarantee }) => guarantee === 'none' },
  { when: 'there is no dry run', holds: ({ dry_run }) => dry_run === 'none' },
  { when: 'a target is deleted', holds: ({ targets }) => targets.some(({ change }) => change === 'delete') },
  { when: `it has more than ${TARGETS_MANY} targets`, holds: ({ targets }) => targets.length > TARGETS_MANY },
  { when: 'it overrides what others changed since', holds: ({ override }) => override },
];

export function riskOf(request: PolicyRequest): number {
  return Math.min(RISK_MAX, 1 + RISK_POINTS.filter(({ holds }) => holds(request)).length);
}
