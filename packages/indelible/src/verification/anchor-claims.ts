/**
 * What anchors keep of a log: asked where they can be asked, else as the log's own records tell it.
 *
 * An anchor that was named and cannot be asked, or keeps nothing of this log, leaves the verification incomplete: else
 * whoever renames a log would rid it of its anchors.
 */
import {
  type AnchorClaim,
  CheckpointJudge,
  isIndelibleError,
  type Json,
  type JsonObject,
  parseRecord,
} from '@indelible/core';
import type { Anchor, AnchorReceipt } from '../anchors/contract.ts';
import { readNote } from './checkpoints.ts';
import type { KeptCheckpoint, ReceiptChecker } from './types.ts';

/** Of each anchor in the records, so many of the newest receipts are checked. */
const RECEIPTS_MAX = 3;
const CLAIMS_MAX = 100_000;

/**
 * What an anchor answers when it is asked. Others may write to it, too: with keys that were given, what none of those
 * has signed counts for nothing. The log's own word on its keys rules nothing out: it is the log that is in doubt.
 */
export async function askAnchor(
  anchor: Anchor,
  origin: string,
  given_keys: readonly string[] | null,
): Promise<AnchorClaim[]> {
  const { name } = anchor;
  if (anchor.all === undefined) return [];
  const judge =
    given_keys === null ? null : new CheckpointJudge({ origin, log_keys: given_keys, policy: null });
  const claims: AnchorClaim[] = [];
  try {
    for await (const { checkpoint, anchored_at } of anchor.all(origin)) {
      const { size, root, note } = checkpoint;
      if (judge !== null && judge.judge(note).problem !== null) continue;
      const detail = `${name} keeps the root of the first ${size} records`;
      claims.push({ name, size, root, evidence_holds: true, time: 'asserted', anchored_at, detail });
      if (claims.length > CLAIMS_MAX) claims.shift();
    }
  } catch (error) {
    if (!isIndelibleError(error)) throw error;
    claims.push(useless(name, error.message));
  }
  return claims.length > 0 ? claims : [useless(name, `it keeps no checkpoint of the log ${origin}`)];
}

/** What the verifier itself remembers. */
export function keptClaim({ name, note }: KeptCheckpoint, origin: string): AnchorClaim {
  const stated = readNote(note);
  if (stated === null) return useless(name, 'it is no checkpoint');
  if (stated.origin !== origin) return useless(name, `it is a checkpoint of the log ${stated.origin}`);
  const { size, root } = stated;
  const detail = `the first ${size} records are those of the checkpoint that was kept in ${name}`;
  return { name, size, root, evidence_holds: true, time: 'asserted', anchored_at: null, detail };
}

function useless(name: string, detail: string): AnchorClaim {
  return { name, size: 0, root: '', evidence_holds: false, time: 'asserted', anchored_at: null, detail };
}

/**
 * Of many claims those that matter: for each anchor the largest, the largest with a time that others attest, and those
 * that the records contradict.
 */
export function decidingClaims(
  claims: readonly AnchorClaim[],
  tree: { readonly size: number; readonly roots: ReadonlyMap<number, string> },
): AnchorClaim[] {
  const chosen = new Set<AnchorClaim>();
  const taken = new Map<string, number>();
  const take = (claim: AnchorClaim, role: string, most: number): void => {
    const key = `${claim.name} ${role}`;
    const count = taken.get(key) ?? 0;
    if (count >= most) return;
    taken.set(key, count + 1);
    chosen.add(claim);
  };
  for (const claim of [...claims].sort((a, b) => b.size - a.size)) {
    const { size, root, evidence_holds, time } = claim;
    const root_now = tree.roots.get(size);
    const contradicted = size > tree.size || (root_now !== undefined && root_now !== root);
    if (evidence_holds === false) take(claim, 'useless', RECEIPTS_MAX);
    else if (contradicted) take(claim, 'contradicted', RECEIPTS_MAX);
    else if (evidence_holds === null) take(claim, 'recorded', 1);
    else take(claim, time, 1);
  }
  // Nobody needs the log's own word for what an anchor said itself.
  const confirmed = new Set([...chosen].filter((one) => one.evidence_holds !== null).map(({ name }) => name));
  return [...chosen].filter((one) => {
    const contradicted = one.size > tree.size || (tree.roots.get(one.size) ?? one.root) !== one.root;
    return one.evidence_holds !== null || contradicted || !confirmed.has(one.name);
  });
}

/** What the log's records say about anchorings; those of anchors that were asked are left to them. */
export async function recordedClaims(
  bodies: readonly Uint8Array[],
  asked: readonly Anchor[],
  timestamps: ReceiptChecker | null,
): Promise<AnchorClaim[]> {
  const by_name = new Map(asked.map((anchor) => [anchor.name, anchor]));
  const claims: AnchorClaim[] = [];
  const checked = new Map<string, number>();
  for (const body of [...bodies].reverse()) {
    const anchoring = anchoringIn(body);
    if (anchoring === null) continue;
    const { name, kind, size, root, receipt, seq } = anchoring;
    const count = checked.get(name) ?? 0;
    checked.set(name, count + 1);
    const named = by_name.get(name);
    // Those that can be asked have the last word themselves.
    const checker =
      kind === 'timestamp' ? (timestamps ?? named) : named?.all === undefined ? named : undefined;
    if (checker !== undefined && checker !== null && count < RECEIPTS_MAX) {
      claims.push(await checkReceipt(anchoring, checker));
      continue;
    }
    const detail =
      named !== undefined
        ? `record ${seq} says so; ${name} was asked itself`
        : `record ${seq} says so, and nobody asked ${name}${kind === 'timestamp' ? ': its root certificates were not given' : ''}`;
    const anchored_at = receipt?.anchored_at ?? null;
    claims.push({ name, size, root, evidence_holds: null, time: 'asserted', anchored_at, detail });
  }
  return claims;
}

interface Anchoring {
  readonly seq: number;
  readonly ledger: string;
  readonly name: string;
  readonly kind: string;
  readonly size: number;
  readonly root: string;
  readonly receipt: AnchorReceipt | null;
}

async function checkReceipt(
  { ledger, name, size, root, receipt, seq }: Anchoring,
  checker: ReceiptChecker,
): Promise<AnchorClaim> {
  const note = membersOf(receipt?.evidence).note;
  const evidence =
    receipt === null || typeof note !== 'string'
      ? null
      : await checker.check(receipt, { origin: ledger, size, root, note });
  const detail = evidence?.detail ?? `record ${seq} holds no receipt`;
  return {
    name,
    size,
    root,
    evidence_holds: evidence?.ok ?? false,
    time: evidence?.time ?? 'asserted',
    anchored_at: evidence?.anchored_at ?? null,
    detail,
  };
}

/** Null for other records, and for those that say nothing that can be used. */
function anchoringIn(body: Uint8Array): Anchoring | null {
  try {
    const record = parseRecord(body);
    // Applications cannot use this action.
    if (record.action !== 'ledger.anchored') return null;
    const { anchor, kind, size, root, receipt } = membersOf(record.data);
    if (typeof anchor !== 'string' || typeof kind !== 'string') return null;
    if (typeof size !== 'number' || typeof root !== 'string') return null;
    const { anchored_at, evidence } = membersOf(receipt);
    const usable = evidence !== undefined && (anchored_at === null || typeof anchored_at === 'string');
    return {
      seq: record.seq,
      ledger: record.ledger,
      name: anchor,
      kind,
      size,
      root,
      receipt: usable ? { anchored_at, evidence } : null,
    };
  } catch {
    // Damaged: the verifier of the chain names it.
    return null;
  }
}

function membersOf(data: Json | undefined): JsonObject {
  return typeof data === 'object' && data !== null && !Array.isArray(data) ? (data as JsonObject) : {};
}
