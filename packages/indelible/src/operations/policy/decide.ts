/**
 * One policy decision: allow, allow with approvals, or deny.
 *
 * Cedar skips a policy whose condition fails, so a forbid could vanish and the answer be yes. Here any error denies:
 * of a policy, of the request, of Cedar itself. Every target of the plan is asked for, and all must be allowed.
 *
 * Errors:  none. What goes wrong is in `errors`, and the effect is `deny`.
 * Pure:    but for Cedar, which computes; the time is the request's.
 */
import type { Response } from '@cedar-policy/cedar-wasm/nodejs';
import { cedarMessage } from './cedar.ts';
import {
  actorEntities,
  contextOf,
  type RecordedFacts,
  resolveFacts,
  targetEntity,
  uidOf,
} from './cedar-request.ts';
import {
  type DecisionEffect,
  mergeRequirements,
  type PolicyDecision,
  type PolicyFault,
  type Requirement,
  type Resolved,
  requirementsText,
  sealDecision,
  shortest,
} from './decision.ts';
import type { PolicySet } from './policy-set.ts';
import type { LoadedPolicy } from './read-policies.ts';
import type { PolicyRequest } from './request.ts';
import { uid } from './schema.ts';

/** Decides. `recorded` is for replaying: what was known about people and targets then. */
export function decide(set: PolicySet, request: PolicyRequest, recorded?: RecordedFacts): PolicyDecision {
  try {
    const refusal = refusalOf(set, request);
    if (refusal !== null)
      return denied(set, request, null, [], refusal, [{ policy: null, message: refusal }]);
    return evaluate(set, request, resolveFacts(set, request, recorded));
  } catch (error) {
    const message = `the request could not be evaluated: ${error instanceof Error ? error.message : String(error)}`;
    return denied(set, request, null, [], message, [{ policy: null, message }]);
  }
}

/** What no policy can allow. */
function refusalOf(set: PolicySet, { principal, delegation, targets }: PolicyRequest): string | null {
  for (const actor of [principal, ...delegation]) {
    if (actor.kind === 'unauthenticated') return 'an actor is not authenticated';
    const other = set.directory.otherKindOf(actor);
    if (other !== null) return `${actor.id} is in the directory as ${other}, and acts as ${actor.kind}`;
  }
  return targets.length === 0 ? 'the request names no target' : null;
}

interface Answer {
  readonly target: string;
  readonly allowed: boolean;
  readonly policies: readonly LoadedPolicy[];
}

function evaluate(set: PolicySet, request: PolicyRequest, resolved: Resolved): PolicyDecision {
  const faults: PolicyFault[] = [];
  const answers: Answer[] = [];
  const shared = {
    principal: uidOf(request.principal),
    action: uid('Action', request.action),
    context: contextOf(request, resolved),
    preparsedSchemaName: set.schema.name,
    preparsedPolicySetId: set.name,
    validateRequest: true,
  };
  const actors = actorEntities(request, resolved);
  for (const target of request.targets) {
    const entity = targetEntity(request, resolved, target);
    const resource = uid('Target', target.id);
    const answer = set.cedar.statefulIsAuthorized({ ...shared, resource, entities: [...actors, entity] });
    for (const warning of answer.warnings) faults.push({ policy: null, message: cedarMessage(warning) });
    if (answer.type === 'failure') {
      for (const error of answer.errors) faults.push({ policy: null, message: cedarMessage(error) });
      // The next target would fail for the same reason.
      break;
    }
    answers.push(readAnswer(set, target.id, answer.response, faults));
  }
  const forbids = distinct(
    answers.flatMap(({ policies }) => policies).filter(({ effect }) => effect === 'forbid'),
  );
  if (faults.length > 0 || answers.length !== request.targets.length) {
    const { policy, message } = faults[0] ?? { policy: null, message: 'a target was not evaluated' };
    const reason =
      policy === null
        ? `the request is not one that policies can be asked: ${message}`
        : `the policy ${policy} failed: ${message}`;
    return denied(set, request, resolved, forbids, reason, faults);
  }
  const refused = answers.find(({ allowed }) => !allowed);
  if (refused !== undefined) {
    const reason =
      forbids.length > 0 ? `forbidden by ${idsOf(forbids)}` : `no policy permits it for ${refused.target}`;
    return denied(set, request, resolved, forbids, reason, []);
  }
  return permitted(set, request, resolved, answers);
}

function readAnswer(set: PolicySet, target: string, response: Response, faults: PolicyFault[]): Answer {
  const { decision, diagnostics } = response;
  for (const { policyId, error } of diagnostics.errors)
    faults.push({ policy: policyId, message: cedarMessage(error) });
  const policies = diagnostics.reason.map((id) => set.policies.get(id));
  const known = policies.filter((policy) => policy !== undefined);
  const allowed = decision === 'allow';
  // Cedar would have to be wrong; then the answer is no.
  if (known.length !== policies.length || known.some(({ effect }) => (effect === 'permit') !== allowed))
    faults.push({ policy: null, message: 'the determining policies are not those of this set' });
  if (allowed && known.length === 0) faults.push({ policy: null, message: 'allowed by no policy' });
  return { target, allowed, policies: known };
}

/** All targets are allowed by Cedar; what the permits ask for beside it decides. */
function permitted(
  set: PolicySet,
  request: PolicyRequest,
  resolved: Resolved,
  answers: readonly Answer[],
): PolicyDecision {
  const counts = ({ obligations }: LoadedPolicy): boolean =>
    (obligations.reviews !== null) === request.break_glass;
  const without = answers.find(({ policies }) => !policies.some(counts));
  if (without !== undefined) {
    const reason = request.break_glass
      ? `no policy permits it as break-glass for ${without.target}`
      : `only break-glass is permitted for ${without.target}`;
    return denied(set, request, resolved, [], reason, []);
  }
  const permits = distinct(answers.flatMap(({ policies }) => policies));
  const ordinary = permits.filter(({ obligations }) => obligations.reviews === null);
  const glass = permits.filter(({ obligations }) => obligations.reviews !== null);
  const approvals = approvalsOf(ordinary, request);
  const applied = request.break_glass ? permits : ordinary;
  const effect: DecisionEffect = !request.break_glass && approvals.length > 0 ? 'approve' : 'allow';
  const review = request.break_glass ? mergeRequirements([...reviewsOf(glass), ...approvals]) : [];
  return sealDecision({
    effect,
    reason: `permitted by ${idsOf(applied)}${conditionText(effect, approvals, review)}`,
    approvals: effect === 'approve' ? approvals : [],
    review,
    approval_expires_after_ms:
      effect === 'approve'
        ? shortest(ordinary.map(({ obligations }) => obligations.approval_expires_after_ms))
        : null,
    execute_within_ms: shortest(applied.map(({ obligations }) => obligations.execute_within_ms)),
    determining: applied.map(({ id, effect, sha256 }) => ({ id, effect, sha256 })),
    errors: [],
    ...hashesOf(set),
    request,
    resolved,
  });
}

/** The strictest of everything that permits asks for, and a person where nothing could be shown in a dry run. */
function approvalsOf(permits: readonly LoadedPolicy[], { dry_run }: PolicyRequest): Requirement[] {
  const asked = permits
    .map(({ obligations }) => ({ role: obligations.approver_role, count: obligations.approvals }))
    .filter(({ count }) => count > 0);
  if (asked.length === 0 && dry_run === 'none') return [{ role: null, count: 1 }];
  return mergeRequirements(asked);
}

function reviewsOf(permits: readonly LoadedPolicy[]): Requirement[] {
  return permits.map(({ obligations }) => ({
    role: obligations.reviewer_role,
    count: obligations.reviews ?? 1,
  }));
}

function conditionText(
  effect: DecisionEffect,
  approvals: readonly Requirement[],
  review: readonly Requirement[],
): string {
  if (effect === 'approve') return `, with the approval of ${requirementsText(approvals)}`;
  return review.length === 0 ? '' : ` as break-glass, to be reviewed by ${requirementsText(review)}`;
}

function denied(
  set: PolicySet,
  request: PolicyRequest,
  resolved: Resolved | null,
  forbids: readonly LoadedPolicy[],
  reason: string,
  errors: readonly PolicyFault[],
): PolicyDecision {
  return sealDecision({
    effect: 'deny',
    reason,
    approvals: [],
    review: [],
    approval_expires_after_ms: null,
    execute_within_ms: null,
    determining: forbids.map(({ id, effect, sha256 }) => ({ id, effect, sha256 })),
    errors,
    ...hashesOf(set),
    request,
    resolved,
  });
}

function hashesOf({ policy_set_hash, entities_hash }: PolicySet) {
  return { policy_set_hash, entities_hash };
}

function distinct(policies: readonly LoadedPolicy[]): LoadedPolicy[] {
  const byId = new Map(policies.map((policy) => [policy.id, policy]));
  return [...byId.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
}

function idsOf(policies: readonly LoadedPolicy[]): string {
  return policies.map(({ id }) => id).join(', ');
}
