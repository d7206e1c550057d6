/**
 * Cases: what a policy set must decide, in files (`cases/*.json`).
 *
 * Errors:  POLICY_REQUEST_INVALID for a file that is no file of cases.
 * Pure:    no I/O.
 */
import { canonicalize, IndelibleError, type Json, parseJson } from '@indelible/core';
import { isObject } from './data-file.ts';
import { decide } from './decide.ts';
import type { DecisionEffect, PolicyDecision, Requirement } from './decision.ts';
import { parseRequest } from './parse-request.ts';
import type { PolicySet } from './policy-set.ts';
import type { PolicyRequest } from './request.ts';

const EFFECTS = ['allow', 'approve', 'deny'] as const;

/** What is compared. What a case does not state may be anything. */
export interface Expectation {
  readonly effect: DecisionEffect;
  readonly approvals?: readonly Requirement[];
  readonly review?: readonly Requirement[];
  /** Ids, in any order. */
  readonly determining?: readonly string[];
}

export interface PolicyCase {
  readonly name: string;
  readonly request: PolicyRequest;
  readonly expect: Expectation;
}

export interface CaseResult {
  readonly name: string;
  readonly passed: boolean;
  /** One sentence for each thing that is not as expected. */
  readonly differences: readonly string[];
  readonly decision: PolicyDecision;
}

/** Reads a file: `{"cases": [{"name", "request", "expect"}]}`. */
export function parseCases(text: string): PolicyCase[] {
  const source = parseJson(text);
  if (!isObject(source) || !Array.isArray(source.cases) || Object.keys(source).length !== 1)
    throw invalid('must be an object with the member cases, an array');
  const cases = (source.cases as readonly Json[]).map((value, at) => parseCase(value, at));
  const names = new Set<string>();
  for (const { name } of cases) {
    if (names.has(name)) throw invalid(`there are two cases named ${name}`);
    names.add(name);
  }
  if (cases.length === 0) throw invalid('there is no case in it');
  return cases;
}

export function runCase(set: PolicySet, { name, request, expect }: PolicyCase): CaseResult {
  const decision = decide(set, request);
  const differences: string[] = [];
  const compare = (what: string, wanted: unknown, got: unknown): void => {
    if (wanted === undefined || canonicalize(wanted) === canonicalize(got)) return;
    differences.push(`${what} is ${canonicalize(got)}, not ${canonicalize(wanted)}`);
  };
  compare('effect', expect.effect, decision.effect);
  compare('approvals', expect.approvals && sorted(expect.approvals), sorted(decision.approvals));
  compare('review', expect.review && sorted(expect.review), sorted(decision.review));
  const determining = decision.determining.map(({ id }) => id);
  compare('determining', expect.determining?.toSorted(), determining.toSorted());
  return { name, passed: differences.length === 0, differences, decision };
}

function parseCase(value: Json, at: number): PolicyCase {
  if (!isObject(value)) throw invalid(`cases.${at} must be an object`);
  const { name, request, expect, ...rest } = value;
  if (typeof name !== 'string' || name === '' || Object.keys(rest).length > 0)
    throw invalid(`cases.${at} takes name, request and expect`);
  try {
    return { name, request: parseRequest(request), expect: parseExpectation(expect) };
  } catch (error) {
    if (error instanceof IndelibleError) throw invalid(`case ${name}: ${error.message}`);
    throw error;
  }
}

function parseExpectation(value: Json | undefined): Expectation {
  if (!isObject(value)) throw invalid('expect must be an object');
  const { effect, approvals, review, determining, ...rest } = value;
  const found = EFFECTS.find((each) => each === effect);
  if (found === undefined) throw invalid(`expect.effect must be one of ${EFFECTS.join(', ')}`);
  const unknown = Object.keys(rest)[0];
  if (unknown !== undefined)
    throw invalid(`expect.${unknown} is none of effect, approvals, review, determining`);
  return {
    effect: found,
    ...(approvals === undefined ? {} : { approvals: parseRequirements(approvals, 'approvals') }),
    ...(review === undefined ? {} : { review: parseRequirements(review, 'review') }),
    ...(determining === undefined ? {} : { determining: parseIds(determining) }),
  };
}

function parseRequirements(value: Json, member: string): Requirement[] {
  if (!Array.isArray(value)) throw invalid(`expect.${member} must be an array`);
  return (value as readonly Json[]).map((item) => {
    const { role, count } = isObject(item) ? item : {};
    if ((role !== null && typeof role !== 'string') || typeof count !== 'number')
      throw invalid(`expect.${member} holds objects with role (or null) and count`);
    return { role, count };
  });
}

function parseIds(value: Json): string[] {
  const ids = Array.isArray(value) ? (value as readonly Json[]) : [null];
  if (!ids.every((id) => typeof id === 'string')) throw invalid('expect.determining holds ids of policies');
  return ids as string[];
}

function sorted(requirements: readonly Requirement[]): Requirement[] {
  return requirements
    .map(({ role, count }) => ({ role, count }))
    .sort((a, b) => (canonicalize(a) < canonicalize(b) ? -1 : 1));
}

function invalid(message: string): IndelibleError {
  return new IndelibleError('POLICY_REQUEST_INVALID', message);
}
