/**
 * What a verdict does not prove, in words: so that nobody takes a green light for more than it is.
 *
 * Pure:    no I/O.
 */
import type { GradedVerdict } from './verdict.ts';

type Shown = Pick<
  GradedVerdict,
  'consistent' | 'signed' | 'witnessed' | 'anchored' | 'chain' | 'time' | 'size'
> & {
  /** Records below this are covered by a checkpoint or an anchor. */
  readonly covered: number;
};

/** Full sentences, the most important first. */
export function whatIsNotProved(shown: Shown): string[] {
  const { signed, witnessed, anchored, chain, time, size, covered } = shown;
  const outside = witnessed.status === 'holds' || anchored.status === 'holds';
  const sentences: string[] = [];
  if (covered === 0 && size > 0) {
    sentences.push(
      'It does not prove that no record was cut from the end, nor that the log was not rewritten as a whole: nothing outside of it agrees with it.',
    );
  } else if (signed.status === 'holds' && !outside) {
    sentences.push(
      'It does not prove that the log was not rewritten and signed anew by whoever holds its signing key: no witness and no anchor was compared.',
    );
  }
  if (anchored.status === 'holds') {
    sentences.push(
      `It does not prove that no record was cut from the end behind the first ${anchored.size}: the anchors reach no further.`,
    );
  } else if (covered > 0) {
    sentences.push(
      'It does not prove that this is the newest state of the log: an older one may have been put back, together with the checkpoints of that time.',
    );
  }
  if (covered > 0 && covered < size) {
    const only =
      chain.checked === 'fully' ? 'only that they follow from those before' : 'nothing at all was shown';
    sentences.push(
      `It does not prove that records ${covered} to ${size - 1} are complete or unaltered: no checkpoint covers them, and of them ${only}.`,
    );
  }
  if (chain.checked !== 'fully') {
    sentences.push(
      'It does not prove that the chain holds: that takes the secrets of a keyed ledger, and where the chain stood before.',
    );
  }
  if (chain.first_seq !== null && chain.first_seq > 0) {
    sentences.push(
      `It does not prove anything about what records below ${chain.first_seq} said: they are not there.`,
    );
  }
  if (time.kind === 'asserted') {
    sentences.push('It does not prove when anything happened: all times are the word of the log itself.');
  } else {
    sentences.push(
      `It does not prove when each record was made: only that the first ${time.size} existed by ${time.at}.`,
    );
  }
  if (outside) {
    sentences.push(
      'It does not prove that witnesses and anchors are independent of the operator of the log.',
    );
  }
  sentences.push(
    'It does not prove that what the records say is true, nor that everything that happened was recorded.',
  );
  return sentences;
}
