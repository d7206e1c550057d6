/**
 * The text of one policy: without what does not count, and with the condition that `@freeze` stands for.
 *
 * Policies stay texts on their way to Cedar. Its JSON form goes through JavaScript's numbers, which cannot hold all of
 * Cedar's: 9007199254740993 would come back as another number, and another policy.
 *
 * Pure:    but for Cedar's formatter.
 */
import type { Cedar } from './cedar.ts';

const PIECE = /"(?:[^"\\]|\\[\s\S])*"|\/\/[^\n]*|\s+|[A-Za-z_0-9]+|[\s\S]/g;

/** As Cedar's formatter writes it, without comments; null when the formatter cannot. */
export function canonicalText(cedar: Cedar, source: string): string | null {
  const bare = piecesOf(source).map((piece) => (piece.startsWith('//') || /^\s/.test(piece) ? ' ' : piece));
  const formatted = cedar.formatPolicies({
    policyText: bare.join('').trim(),
    lineWidth: 100,
    indentWidth: 2,
  });
  return formatted.type === 'success' ? formatted.formatted_policy.trim() : null;
}

/** With the freeze as the first condition: outside it, nothing else of the policy is evaluated, and so nothing fails. */
export function withFreeze(source: string, freeze: string | null): string {
  if (freeze === null) return source;
  const pieces = piecesOf(source);
  const effect = pieces.indexOf('forbid');
  let depth = 0;
  for (let at = effect + 1; effect !== -1 && at < pieces.length; at += 1) {
    if (pieces[at] === '(') depth += 1;
    if (pieces[at] !== ')') continue;
    depth -= 1;
    if (depth > 0) continue;
    pieces.splice(at + 1, 0, ` when { context.freezes.contains(${JSON.stringify(freeze)}) }`);
    return pieces.join('');
  }
  throw new Error('a frozen policy has no scope');
}

function piecesOf(source: string): string[] {
  return Array.from(source.matchAll(PIECE), ([piece]) => piece);
}
