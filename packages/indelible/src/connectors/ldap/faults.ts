/**
 * What a directory answered, as one of our errors.
 *
 * Source:  RFC 4511, appendix A; RFC 4528 for 122.
 * Pure:    no I/O.
 */
import { type ErrorCode, IndelibleError } from '@indelible/core';

export type Doing = 'bind' | 'read' | 'add' | 'modify' | 'delete';

const DETAIL_LENGTH_MAX = 120;

/** Results after which it is certain that the server changed nothing, in words of ours. */
const REFUSALS: Readonly<Record<number, string>> = {
  10: 'another server has that entry',
  16: 'there is no such attribute or value',
  17: 'it knows no such attribute',
  18: 'these values cannot be compared',
  19: 'a constraint forbids it',
  20: 'the value is there already',
  21: 'a value has the wrong syntax',
  34: 'that is no name',
  50: 'this account may not do that',
  53: 'it does not do that',
  64: 'the name does not fit the entry',
  65: 'the schema forbids it',
  66: 'there are entries below it',
  67: 'it would change the entry’s name',
  69: 'the kind of an entry cannot be changed',
  71: 'it concerns several servers',
};

const CREDENTIALS = [7, 8, 13, 48, 49, 50, 53];

export function directoryFault(error: unknown, doing: Doing): IndelibleError {
  if (error instanceof IndelibleError) return error;
  const { code, message = '' } = error as { readonly code?: unknown; readonly message?: string };
  const fault = (to: ErrorCode, what: string) =>
    new IndelibleError(to, what, typeof code === 'number' ? { details: { result: code } } : {});
  if (typeof code !== 'number') {
    // A name of Node's (ECONNREFUSED), or a sentence of the driver's, which may quote what was sent.
    return fault(
      'CONNECTOR_UNAVAILABLE',
      `the directory cannot be asked (${typeof code === 'string' ? code : 'no answer'})`,
    );
  }
  if (doing === 'bind' && CREDENTIALS.includes(code))
    return fault('CONNECTOR_CONFIG', 'the directory does not take these credentials, or not in this way');
  if (code === 12) return fault('CONNECTOR_CONFIG', 'the directory cannot compare versions (RFC 4528)');
  if (code === 122) return fault('TARGET_CHANGED', 'the entry has changed since it was planned upon');
  if (code === 68) return fault('TARGET_CHANGED', 'there is such an entry by now');
  if (code === 32 && doing !== 'add') return fault('TARGET_CHANGED', 'the entry is no longer there');
  if (code === 32) return fault('TARGET_REFUSED', 'there is no entry that it would lie below');
  const refusal = REFUSALS[code];
  if (refusal === undefined) return fault('CONNECTOR_UNAVAILABLE', `the directory failed (result ${code})`);
  return fault('TARGET_REFUSED', `the directory refuses: ${refusal}${detailOf(message)}`);
}

/** The server's own words name attributes and rules. Values they do not quote, but for names. */
function detailOf(message: string): string {
  const text = message.replace(/ Code: 0x[0-9a-f]+$/, '').trim();
  return text === '' ? '' : ` (${text.slice(0, DETAIL_LENGTH_MAX)})`;
}
