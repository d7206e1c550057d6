/**
 * Operations for people. Nothing that an approver binds a signature to is cut short.
 *
 * Pure:    no I/O.
 */
import type { ConnectorPlan, StateDiff } from '../connectors/contract.ts';
import { missing } from '../operations/approvals.ts';
import { requirementsText } from '../operations/policy/decision.ts';
import type { HistoryEntry, Operation } from '../operations/types.ts';
import { printable, printableJson } from './printable.ts';
import type { Colors } from './terminal.ts';

const GOOD = ['approved', 'executed', 'verified', 'closed', 'rolled_back'];
const BAD = ['denied', 'rejected', 'stale', 'failed', 'verify_failed', 'rollback_failed', 'needs_operator'];

/** The whole plan: what an approver has to have seen. */
export function planLines(operation: Operation, colors: Colors): string[] {
  const { envelope, members, decision, deadlines, plan_hash } = operation;
  const lines = [headline(operation, colors), ...envelopeLines(operation)];
  for (const [i, plan] of members.entries()) {
    const name = members.length === 1 ? '' : ` ${i + 1} of ${members.length}`;
    lines.push(
      '',
      colors.bold(printable(`step${name}: ${plan.connector} ${plan.action}`)),
      ...memberLines(plan, colors),
    );
  }
  lines.push('');
  if (decision !== null) lines.push(row('policy', `${decision.effect}: ${decision.reason}`));
  const open = operation.state === 'pending_approval' ? missing(operation, 'approval') : [];
  if (open.length > 0) lines.push(row('needs', requirementsText(open)));
  for (const { person, vote, counts, at } of operation.votes)
    lines.push(row('vote', `${person.id} ${vote} ${at}${counts ? '' : ' (advice)'}`));
  if (deadlines !== null) {
    lines.push(
      row('approve until', deadlines.approval_expires_at),
      row('execute until', deadlines.execute_before),
    );
  }
  if (envelope.break_glass) lines.push(row('break-glass', 'yes: it needs a review before it can be closed'));
  lines.push(row('plan hash', plan_hash ?? 'none'));
  return lines;
}

/** One line. */
export function headline(operation: Operation, colors: Colors): string {
  const { state, operation_id, envelope, members } = operation;
  const color = GOOD.includes(state) ? colors.green : BAD.includes(state) ? colors.red : colors.yellow;
  const what = members.map(({ connector, action }) => `${connector} ${action}`).join(', ');
  return `${operation_id}  ${color(state)}  ${printable(`${envelope.kind}: ${what}`)}`;
}

/** What happened to it, step by step. */
export function historyLines({ history, illegal, refusals }: Operation): string[] {
  const lines = history.map(historyLine);
  if (refusals > 0) lines.push(`${refusals} attempts were refused`);
  for (const { seq, rule } of illegal)
    lines.push(printable(`record ${seq} is not allowed here and counts for nothing: ${rule}`));
  return lines;
}

/** One thing that happened to an operation. */
export function historyLine({ at, to, action, actor, reason }: HistoryEntry): string {
  const what = action === `operation.${to}` ? to : action.replace('operation.', '');
  return printable(
    `${at}  ${what.padEnd(22)} ${actor.type}:${actor.id}${reason === null ? '' : `  ${reason}`}`,
  );
}

function envelopeLines({ envelope }: Operation): string[] {
  const chain: string[] = [];
  for (
    let one: typeof envelope.requester | undefined = envelope.requester;
    one !== undefined;
    one = one.on_behalf_of
  )
    chain.push(`${one.type}:${one.id}`);
  const lines = [row('asked by', chain.join(' for ')), row('reason', envelope.reason)];
  if (envelope.intent !== null) lines.push(row('intent', envelope.intent));
  lines.push(row('correlation', envelope.correlation_id));
  if (envelope.parent !== null) {
    const { operation_id, override } = envelope.parent;
    lines.push(row('undoes', `${operation_id}${override ? ', over what others changed since' : ''}`));
  }
  return lines;
}

function memberLines(plan: ConnectorPlan, colors: Colors): string[] {
  const { rollback, guarantee, dry_run } = plan.capabilities;
  const lines = [row('parameters', printableJson(plan.params).replaceAll('\n', '\n    '))];
  for (const { resource, diff } of plan.targets)
    lines.push(
      row('target', `${resource.type} ${resource.id}`),
      ...diffLines(diff, colors).map((line) => `    ${line}`),
    );
  for (const step of plan.steps) lines.push(row('does', step));
  lines.push(row('guarantee', `${guarantee}, dry run: ${dry_run}`));
  lines.push(
    row('undo', rollback.can_rollback ? undoText(rollback.method, rollback.window_ms) : 'not possible'),
  );
  for (const step of plan.rollback_steps) lines.push(row('undo step', step));
  if (rollback.limitations.length > 0) lines.push(row('limitations', rollback.limitations.join(', ')));
  return lines;
}

function undoText(method: string, window_ms: number | null): string {
  return window_ms === null ? method : `${method}, for ${Math.floor(window_ms / 1000)} s`;
}

function diffLines(diff: StateDiff, colors: Colors): string[] {
  if (diff.format === 'none') return [printable(diff.reason)];
  if (diff.format === 'json-patch') return diff.patch.map((change) => printable(JSON.stringify(change)));
  return diff.text.split('\n').map((line) => {
    const safe = printable(line);
    if (line.startsWith('+')) return colors.green(safe);
    return line.startsWith('-') ? colors.red(safe) : safe;
  });
}

function row(name: string, value: string): string {
  return `  ${name.padEnd(14)} ${value.split('\n').map(printable).join('\n')}`;
}
