/**
 * The ASN.1 libraries, loaded when the first token is looked at, and what is read out of their trees.
 *
 * Errors:  Refusal, and whatever the libraries raise on malformed input: check-token.ts takes both for a refusal.
 */
import type * as Asn1js from 'asn1js';
import type * as Pkijs from 'pkijs';
import { demand, refuse } from './refusal.ts';

export type Node = Asn1js.BaseBlock;
export interface Asn1 {
  readonly asn1js: typeof Asn1js;
  readonly pkijs: typeof Pkijs;
}

export async function loadAsn1(): Promise<Asn1> {
  const [asn1js, pkijs] = await Promise.all([import('asn1js'), import('pkijs')]);
  return { asn1js, pkijs };
}

/** Reads bytes that hold one value and nothing else. */
export function decode({ asn1js }: Asn1, bytes: Uint8Array, what: string): Node {
  const { offset, result } = asn1js.fromBER(bytes);
  demand(offset === bytes.length && result.error === '', `${what} is not well-formed ASN.1`);
  return result;
}

/** The bytes that a value was read from, tag and length included. */
export function raw(node: Node): Uint8Array {
  return new Uint8Array(node.valueBeforeDecodeView);
}

/** The values within a constructed one. */
export function children(node: Node | undefined): Node[] {
  const value = (node?.valueBlock as { value?: unknown } | undefined)?.value;
  return Array.isArray(value) ? (value as Node[]) : refuse('a value has nothing within, but should');
}

/** True for a value with this context-specific tag. */
export function isContext(node: Node | undefined, tag: number): boolean {
  return node?.idBlock.tagClass === 3 && node.idBlock.tagNumber === tag;
}

/** An object identifier, with dots. */
export function oidOf({ asn1js }: Asn1, node: Node | undefined): string {
  return node instanceof asn1js.ObjectIdentifier
    ? node.getValue()
    : refuse('an object identifier is missing');
}

/** The bytes of an octet string. */
export function octetsOf({ asn1js }: Asn1, node: Node | undefined): Uint8Array {
  return node instanceof asn1js.OctetString
    ? new Uint8Array(node.getValue())
    : refuse('an octet string is missing');
}

/** The content of an integer, as it is encoded. */
export function integerBytes({ asn1js }: Asn1, node: Node | undefined): Uint8Array {
  return node instanceof asn1js.Integer
    ? new Uint8Array(node.valueBlock.valueHexView)
    : refuse('an integer is missing');
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
