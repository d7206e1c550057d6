/**
 * What a verdict over a stored log cannot claim: because the keys are the log's own word, and because records that were
 * verified before were not read again.
 *
 * Pure:    no I/O.
 */
import type { GradedVerdict } from '@indelible/core';
import type { TrustedKeys } from './trusted-keys.ts';
import type { VerifiedPosition } from './types.ts';

/** The verdict, saying that too. */
export function limitsOf(
  graded: GradedVerdict,
  { keys, position }: { readonly keys: TrustedKeys; readonly position: VerifiedPosition | null },
): GradedVerdict {
  const sentences: string[] = [];
  const own_word = keys.from === 'log' && graded.signed.status === 'holds';
  if (own_word) {
    sentences.push(
      'It does not prove whose signature that is: the keys are those that the log itself announces, and whoever rewrote it could have put in their own. Name the key you trust with --key.',
    );
  }
  if (position !== null) {
    sentences.push(
      `It does not prove that records below ${position.size} are still as they were at ${position.verified_at}: they were verified then, and not read again.`,
    );
  }
  const signed = own_word
    ? { ...graded.signed, detail: `${graded.signed.detail}, by the log's own account of its keys` }
    : graded.signed;
  return { ...graded, signed, does_not_prove: [...sentences, ...graded.does_not_prove] };
}
