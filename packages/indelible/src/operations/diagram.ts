/**
 * The lifecycle as documentation shows it, drawn from the table itself.
 *
 * Pure:    no I/O.
 */
import { STATES, type State, TRANSITIONS } from './lifecycle.ts';

/** A Mermaid state diagram. */
export function lifecycleDiagram(): string {
  const lines = TRANSITIONS.map(({ from, to }) => `    ${from ?? '[*]'} --> ${to}`);
  const ends = states()
    .filter(([, { ends }]) => ends)
    .map(([state]) => `    ${state} --> [*]`);
  return ['stateDiagram-v2', ...lines, ...ends].join('\n');
}

/** Markdown: what each state means. */
export function stateTable(): string {
  const rows = states().map(([state, { summary }]) => `| \`${state}\` | ${summary} |`);
  return ['| state | meaning |', '|---|---|', ...rows].join('\n');
}

/** Markdown: every transition, who makes it, and when. */
export function transitionTable(): string {
  const rows = TRANSITIONS.map(
    ({ from, to, by, when }) =>
      `| ${from === null ? '' : `\`${from}\``} | \`${to}\` | ${by.join(', ')} | ${when} |`,
  );
  return ['| from | to | by | when |', '|---|---|---|---|', ...rows].join('\n');
}

function states(): [State, (typeof STATES)[State]][] {
  return Object.entries(STATES) as [State, (typeof STATES)[State]][];
}
