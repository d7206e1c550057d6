/**
 * A signing key in the environment: INDELIBLE_SIGNING_KEY, as PKCS#8 PEM or as the 32-byte seed in base 64.
 *
 * Errors:  SIGNING_KEY_INVALID, which never repeats any part of the value.
 */
import type { NoteSigner } from '@indelible/core';
import { signerFromText } from './private-key.ts';

const VARIABLE = 'INDELIBLE_SIGNING_KEY';

/** The signer, or null when the variable is not set. */
export function signerFromEnvironment(
  name: string,
  env: Readonly<Record<string, string | undefined>>,
): NoteSigner | null {
  const text = env[VARIABLE];
  // Line breaks do not survive everywhere that variables are set.
  return text === undefined || text === ''
    ? null
    : signerFromText(text.replaceAll('\\n', '\n'), name, VARIABLE);
}
