/**
 * What an authority answers: a status, and the token if it was granted.
 *
 * Source:  RFC 3161 §2.4.2.
 */
import { type Asn1, children, decode, integerBytes, raw } from './asn1.ts';
import { demand, refuse } from './refusal.ts';

/** granted, and granted with modifications: whatever was modified, everything is checked. */
const GRANTED: readonly (number | undefined)[] = [0, 1];
const STATUS_TEXT_MAX = 200;

/** The token of an answer; refuses one that grants none. */
export function tokenOfResponse(asn1: Asn1, bytes: Uint8Array): Uint8Array {
  const [info, token] = children(decode(asn1, bytes, 'the answer'));
  const [status, text] = children(info);
  const value = integerBytes(asn1, status);
  if (value.length !== 1 || !GRANTED.includes(value[0])) {
    refuse(`the authority refused (status ${value.at(-1)}${textOf(asn1, text)})`);
  }
  demand(token !== undefined, 'the authority granted a token, but sent none');
  return raw(token);
}

/** What the authority says in words, printable. */
function textOf({ asn1js }: Asn1, node: ReturnType<typeof children>[number] | undefined): string {
  if (!(node instanceof asn1js.Sequence)) return '';
  const words = node.valueBlock.value.map((one) => (one instanceof asn1js.Utf8String ? one.getValue() : ''));
  const text = words
    .join(' ')
    .replaceAll(/[^\x20-\x7e]/g, '?')
    .slice(0, STATUS_TEXT_MAX);
  return text === '' ? '' : `: ${text}`;
}
