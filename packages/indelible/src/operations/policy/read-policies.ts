/**
 * From `.cedar` files to checked policies.
 *
 * Pure:    but for Cedar, which computes.
 */

import type { DetailedError } from '@cedar-policy/cedar-wasm/nodejs';
import { sha256Hex } from '@indelible/core';
import { type Obligations, parseAnnotations } from './annotations.ts';
import type { Calendar } from './calendar.ts';
import { type Cedar, cedarMessage, errorOffset } from './cedar.ts';
import type { Directory } from './directory.ts';
import { canonicalText, withFreeze } from './policy-text.ts';
import { compare, lineAtByte, type Problems } from './problems.ts';
import { NAMESPACE } from './schema.ts';
import { type PolicyText, splitPolicies } from './split.ts';

export interface LoadedPolicy {
  readonly id: string;
  readonly effect: 'permit' | 'forbid';
  /** As Cedar's formatter writes it: spaces and comments do not count. */
  readonly text: string;
  /** SHA-256, in hex, of `text`. */
  readonly sha256: string;
  readonly file: string;
  readonly line: number;
  readonly obligations: Obligations;
  /** What Cedar is given: `@freeze` has become a condition. */
  readonly evaluated: string;
}

export interface ReadingContext {
  readonly cedar: Cedar;
  readonly schema_text: string;
  readonly calendar: Calendar;
  readonly directory: Directory;
  readonly problems: Problems;
}

const POLICIES_MAX = 2000;
const NAMED_TYPES = ['Role', 'Connector', 'Person', 'Agent', 'Service'] as const;

/** All policies of a folder by their ids, in order. Problems are collected; then the result is not for use. */
export function readPolicies(
  context: ReadingContext,
  files: ReadonlyMap<string, string>,
): ReadonlyMap<string, LoadedPolicy> {
  const { problems } = context;
  const read: ReadPolicy[] = [];
  for (const [file, source] of [...files].sort(([a], [b]) => compare(a, b)))
    if (file.endsWith('.cedar')) read.push(...readFile(context, file, source));
  const found = new Map<string, LoadedPolicy>();
  for (const { policy } of read) {
    const { id, file, line } = policy;
    const other = found.get(id);
    if (other !== undefined)
      problems.add(file, line, `@id("${id}") is taken, in ${other.file}:${other.line}`);
    found.set(id, policy);
  }
  if (found.size > POLICIES_MAX) problems.add('.', null, `has more than ${POLICIES_MAX} policies`);
  // First as they are written, for the places; then as they will be evaluated, which is what counts.
  validate(context, read, ({ source }) => source);
  if (problems.count === 0) validate(context, read, ({ policy }) => policy.evaluated);
  return new Map([...found].sort(([a], [b]) => compare(a, b)));
}

interface ReadPolicy {
  readonly policy: LoadedPolicy;
  /** As it is written. */
  readonly source: string;
}

/** Warnings are errors: they tell of policies that can never hold, and of letters that look like others. */
function validate(
  { cedar, schema_text, problems }: ReadingContext,
  read: readonly ReadPolicy[],
  textOf: (read: ReadPolicy) => string,
): void {
  const staticPolicies = Object.fromEntries(read.map((each, at) => [`p${at}`, textOf(each)]));
  const answer = cedar.validate({
    schema: schema_text,
    policies: { staticPolicies },
    validationSettings: { mode: 'strict' },
  });
  if (answer.type === 'failure') {
    for (const error of answer.errors) problems.add('.', null, cedarMessage(error));
    return;
  }
  for (const error of answer.otherWarnings) problems.add('.', null, cedarMessage(error));
  for (const { policyId, error } of [...answer.validationErrors, ...answer.validationWarnings]) {
    const { policy, source } = read[Number(policyId.slice(1))]!;
    const message = cedarMessage(error).replace(/^for policy `p\d+`[,:] /, '');
    problems.add(policy.file, policy.line + lineWithin(source, error), message);
  }
}

/** How many lines below the policy's first one. */
function lineWithin(source: string, error: DetailedError): number {
  const offset = errorOffset(error);
  return offset === null ? 0 : lineAtByte(source, offset) - 1;
}

function readFile({ cedar, ...context }: ReadingContext, file: string, source: string): ReadPolicy[] {
  const { problems } = context;
  const whole = cedar.policySetTextToParts(source);
  if (whole.type === 'failure') {
    for (const error of whole.errors) {
      const offset = errorOffset(error);
      problems.add(file, offset === null ? null : lineAtByte(source, offset), cedarMessage(error));
    }
    return [];
  }
  const pieces = splitPolicies(source);
  if (pieces.length !== whole.policies.length + whole.policy_templates.length) {
    problems.add(file, null, 'cannot be told apart into policies');
    return [];
  }
  return pieces.flatMap((piece) => {
    const policy = readPolicy({ cedar, ...context }, file, piece);
    return policy === null ? [] : [policy];
  });
}

function readPolicy(context: ReadingContext, file: string, piece: PolicyText): ReadPolicy | null {
  const { cedar, calendar, directory, problems } = context;
  const before = problems.count;
  const problem = (message: string): void => problems.add(file, piece.line, message);
  const raised = (error: DetailedError): void =>
    problems.add(file, piece.line + lineWithin(piece.text, error), cedarMessage(error));
  const parsed = cedar.policyToJson(piece.text);
  if (parsed.type === 'failure') {
    for (const error of parsed.errors) raised(error);
    return null;
  }
  const { json } = parsed;
  const obligations = parseAnnotations(json, problem);
  if (obligations.freeze !== null && !calendar.names.includes(obligations.freeze))
    problem(`@freeze("${obligations.freeze}") is not in calendar.json`);
  for (const role of [obligations.approver_role, obligations.reviewer_role])
    if (role !== null && !directory.knows('Role', role)) problem(`directory.json has no role "${role}"`);
  for (const { type, id } of namesIn(json))
    if (!directory.knows(type, id)) problem(`directory.json has no ${type.toLowerCase()} "${id}"`);
  const text = canonicalText(cedar, piece.text);
  if (text === null) problem('cannot be formatted');
  if (text === null || problems.count > before) return null;
  const sha256 = sha256Hex(new TextEncoder().encode(text));
  const policy = {
    id: obligations.id,
    effect: json.effect,
    text,
    sha256,
    file,
    line: piece.line,
    obligations,
    evaluated: withFreeze(text, obligations.freeze),
  };
  return { policy, source: piece.text };
}

type NamedType = (typeof NAMED_TYPES)[number];

/** The people, roles and connectors that a policy names: misspelt, a forbid would never hold, and nobody would notice. */
function namesIn(value: unknown): { type: NamedType; id: string }[] {
  if (typeof value !== 'object' || value === null) return [];
  const { type, id } = value as { type?: unknown; id?: unknown };
  if (typeof type === 'string' && typeof id === 'string') {
    const named = NAMED_TYPES.find((name) => type === `${NAMESPACE}::${name}`);
    return named === undefined ? [] : [{ type: named, id }];
  }
  return Object.values(value).flatMap(namesIn);
}
