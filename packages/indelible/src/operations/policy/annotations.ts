/**
 * What a policy asks for beside its yes or no, written as Cedar annotations.
 *
 * Cedar ignores annotations, so a misspelt one would be an obligation lost: anything that is not in this table, or not
 * as the table says, is refused when the folder is loaded. The table is shown in docs/guides/policies.md.
 *
 * Pure:    no I/O.
 */
import type { PolicyJson } from '@cedar-policy/cedar-wasm/nodejs';
import { FREEZE_NAME } from './calendar.ts';
import { NAME } from './directory.ts';

/** What a permit asks for when it holds, and when a forbid holds. */
export interface Obligations {
  readonly id: string;
  readonly description: string | null;
  readonly approvals: number;
  readonly approver_role: string | null;
  readonly approval_expires_after_ms: number | null;
  readonly execute_within_ms: number | null;
  /** null: not a policy for break-glass. */
  readonly reviews: number | null;
  readonly reviewer_role: string | null;
  readonly freeze: string | null;
}

interface AnnotationRule {
  readonly on: 'permit' | 'forbid' | 'both';
  readonly pattern: RegExp;
  readonly takes: string;
  /** Another annotation without which it says nothing. */
  readonly needs?: string;
}

const COUNT = /^([1-9]|1\d|20)$/;
const TIME = /^([1-9]\d{0,4})(m|h|d)$/;
const COUNT_TEXT = 'a number from 1 to 20';
const TIME_TEXT = 'a time such as 30m, 24h or 7d';
const UNIT_MS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };
export const POLICY_ID = /^[a-z0-9][a-z0-9._-]{0,127}$/;

export const ANNOTATIONS: Readonly<Record<string, AnnotationRule>> = {
  id: { on: 'both', pattern: POLICY_ID, takes: 'a name: small letters, digits, dots, hyphens' },
  description: { on: 'both', pattern: /^.{1,1000}$/, takes: 'one line of text' },
  approvals: { on: 'permit', pattern: COUNT, takes: COUNT_TEXT },
  approver_role: { on: 'permit', pattern: NAME, takes: 'the name of a role', needs: 'approvals' },
  approval_expires_after: { on: 'permit', pattern: TIME, takes: TIME_TEXT, needs: 'approvals' },
  execute_within: { on: 'permit', pattern: TIME, takes: TIME_TEXT },
  break_glass: { on: 'permit', pattern: COUNT, takes: `${COUNT_TEXT}: how many review it afterwards` },
  reviewer_role: { on: 'permit', pattern: NAME, takes: 'the name of a role', needs: 'break_glass' },
  freeze: { on: 'forbid', pattern: FREEZE_NAME, takes: 'the name of a freeze in calendar.json' },
};

/** Reads a policy's annotations; `problem` is told what is wrong. */
export function parseAnnotations(policy: PolicyJson, problem: (message: string) => void): Obligations {
  const given = policy.annotations ?? {};
  for (const [name, value] of Object.entries(given)) {
    const rule = Object.hasOwn(ANNOTATIONS, name) ? ANNOTATIONS[name]! : null;
    if (rule === null) problem(`@${name} is no annotation; there are ${Object.keys(ANNOTATIONS).join(', ')}`);
    else if (rule.on !== 'both' && rule.on !== policy.effect) problem(`@${name} is for a ${rule.on}`);
    else if (typeof value !== 'string' || !rule.pattern.test(value)) problem(`@${name} takes ${rule.takes}`);
    else if (rule.needs !== undefined && given[rule.needs] === undefined)
      problem(`@${name} says nothing without @${rule.needs}`);
  }
  if (given.id === undefined) problem('a policy needs a name that records can state: @id("…")');
  const { approvals, break_glass } = given;
  if (approvals !== undefined && break_glass !== undefined)
    problem('@break_glass is for doing without approvals, so @approvals has no place beside it');
  return {
    id: given.id ?? '',
    description: given.description ?? null,
    approvals: Number(approvals ?? 0),
    approver_role: given.approver_role ?? null,
    approval_expires_after_ms: milliseconds(given.approval_expires_after),
    execute_within_ms: milliseconds(given.execute_within),
    reviews: break_glass === undefined ? null : Number(break_glass),
    reviewer_role: given.reviewer_role ?? null,
    freeze: given.freeze ?? null,
  };
}

function milliseconds(text: string | undefined | null): number | null {
  const [, digits, unit = ''] = TIME.exec(text ?? '') ?? [];
  return digits === undefined ? null : Number(digits) * UNIT_MS[unit]!;
}
