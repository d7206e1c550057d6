/**
 * Receipts: how evidence is read back from a record, which anybody may have written, and how a check is answered.
 *
 * Pure:    no I/O.
 */
import { canonicalize, type Json, type JsonObject } from '@indelible/core';
import type { AnchorReceipt, CheckpointToAnchor, ReceiptVerdict } from '../contract.ts';
import { checkedText } from './checkpoint.ts';

/** The most that a receipt may take in a record, as canonical JSON. */
export const RECEIPT_BYTES_MAX = 32 * 1024;

/** Bytes that a receipt takes in a record. */
export function receiptBytes({ anchored_at, evidence }: AnchorReceipt): number {
  return Buffer.byteLength(canonicalize({ anchored_at, evidence }));
}

/** The evidence as an object with exactly these members, all texts; null for anything else. */
export function textsOf<Name extends string>(
  evidence: Json,
  names: readonly Name[],
): Readonly<Record<Name, string>> | null {
  const object = objectOf(evidence);
  if (object === null || Object.keys(object).length !== names.length) return null;
  return names.every((name) => typeof object[name] === 'string') ? (object as Record<Name, string>) : null;
}

/** The evidence as an object; null for anything else. */
export function objectOf(evidence: Json): JsonObject | null {
  const isObject = typeof evidence === 'object' && evidence !== null && !Array.isArray(evidence);
  return isObject ? (evidence as JsonObject) : null;
}

/** A receipt does not hold. */
export function refuted(detail: string): ReceiptVerdict {
  return { ok: false, time: 'asserted', anchored_at: null, detail };
}

/** A receipt holds, but nobody else vouches for its time. */
export function held(detail: string, anchored_at: string | null): ReceiptVerdict {
  return { ok: true, time: 'asserted', anchored_at, detail };
}

/** Why the checkpoint itself cannot be compared with anything; null when it can. */
export function checkpointFault(checkpoint: CheckpointToAnchor): ReceiptVerdict | null {
  try {
    checkedText(checkpoint);
    return null;
  } catch (error) {
    return refuted(`the checkpoint is none: ${(error as Error).message}`);
  }
}

const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?Z$/;

/** True for RFC 3339 in UTC of a day that exists. */
export function isTime(text: unknown): text is string {
  return typeof text === 'string' && TIME.test(text) && !Number.isNaN(Date.parse(text));
}
