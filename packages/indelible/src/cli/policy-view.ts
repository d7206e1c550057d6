/**
 * Policy decisions for people.
 *
 * Pure:    no I/O.
 */
import { actorName } from '../operations/policy/actor.ts';
import { type PolicyDecision, requirementsText } from '../operations/policy/decision.ts';
import type { PolicySet } from '../operations/policy/policy-set.ts';
import type { DecisionSummary } from '../operations/policy/replay.ts';
import { RISK_NAMES } from '../operations/policy/risk.ts';
import { printable } from './printable.ts';
import type { Colors } from './terminal.ts';
import { duration } from './units.ts';

/** One decision explained: what, why, by which policies, and the values they saw. */
export function decisionLines(set: PolicySet, decision: PolicyDecision, colors: Colors): string[] {
  const { request, resolved } = decision;
  const lines = [`${effectText(decision.effect, colors)}  ${printable(decision.reason)}`];
  const row = (name: string, value: string): void =>
    void lines.push(`  ${name.padEnd(14)} ${printable(value)}`);
  if (decision.approvals.length > 0) row('approvals', requirementsText(decision.approvals));
  if (decision.review.length > 0) row('review', requirementsText(decision.review));
  if (decision.approval_expires_after_ms !== null)
    row('approval for', duration(decision.approval_expires_after_ms));
  if (decision.execute_within_ms !== null) row('execute within', duration(decision.execute_within_ms));
  for (const { policy, message } of decision.errors) row('error', `${policy ?? 'request'}: ${message}`);
  for (const { id } of decision.determining) {
    const policy = set.policies.get(id)!;
    row('policy', `${id}  ${policy.effect}, ${policy.file}:${policy.line}`);
    if (policy.obligations.description !== null) row('', policy.obligations.description);
  }
  lines.push('', 'What the policies saw:');
  const chain = [request.principal, ...request.delegation].map((actor) => {
    const roles = resolved?.roles[actorName(actor)] ?? [];
    return `${actorName(actor)}${roles.length === 0 ? '' : ` (${roles.join(', ')})`}`;
  });
  row('asks', chain.join(', for '));
  row('action', `${request.action} in ${request.connector}`);
  for (const { id, change } of request.targets) {
    const labels = resolved?.labels[id] ?? [];
    row('target', `${id}, ${change}${labels.length === 0 ? '' : ` (${labels.join(', ')})`}`);
  }
  if (resolved !== null) {
    const { time, freezes } = resolved;
    row('risk', `${resolved.risk} (${RISK_NAMES[resolved.risk - 1]})`);
    row('environment', resolved.environment);
    row(
      'time',
      `${request.at}, ${time.date} ${two(time.hour)}:${two(time.minute)} in ${time.zone}, weekday ${time.weekday}`,
    );
    row('freezes', freezes.length === 0 ? 'none' : freezes.join(', '));
  }
  const { reversibility, rollback_window_ms } = request;
  const window = rollback_window_ms === null ? '' : `, for ${duration(rollback_window_ms)}`;
  row('reversibility', `${reversibility}${reversibility === 'none' ? '' : window}`);
  row('guarantee', request.guarantee);
  row('dry run', request.dry_run);
  row('difference', `${request.diff_bytes} bytes`);
  const flags = (['rollback', 'override', 'break_glass'] as const).filter((flag) => request[flag]);
  if (flags.length > 0) row('flags', flags.join(', '));
  row('policy set', decision.policy_set_hash);
  row('directory', decision.entities_hash);
  return lines;
}

/** `approve: 2 people with the role dba`. */
export function summaryText({ effect, approvals, review }: DecisionSummary): string {
  const asked = approvals.length > 0 ? `: ${requirementsText(approvals)}` : '';
  return `${effect}${asked}${review.length > 0 ? `, review: ${requirementsText(review)}` : ''}`;
}

function effectText(effect: PolicyDecision['effect'], colors: Colors): string {
  if (effect === 'deny') return colors.red('DENY');
  return effect === 'allow' ? colors.green('ALLOW') : colors.yellow('APPROVE');
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}
