/**
 * A ledger as it was honestly made, by hand: nothing of it comes from the code that writes ledgers. And what others
 * keep of it, which no attacker here but the last can reach.
 */
import { createHash } from 'node:crypto';
import {
  formatCheckpoint,
  formatNote,
  formatVerifierKey,
  GENESIS_HASH,
  leafHash,
  merkleRoot,
  type NoteSigner,
  parsePolicy,
  signCheckpoint,
} from '@indelible/core';
import { seedOf, signerOf } from '../../core/signatures.ts';
import { type SealedLine, sealLine } from '../../support/chain.ts';

export const ORIGIN = 'acme.example/prod';
/** Enough for a complete tile and a partial one. */
export const RECORDS = 300;
/** The verifier kept the checkpoint of this size; the anchor keeps it, too. */
export const KEPT = 200;
const SIZES = [100, KEPT, RECORDS];
const TIME = 1_763_683_200;

export const vkey = ({ key }: NoteSigner): string => formatVerifierKey(key);
export const signer = signerOf(ORIGIN, 'ed25519', seedOf(1));
export const witness = signerOf('w.example', 'ed25519_cosignature', seedOf(2));
export const stranger = signerOf(ORIGIN, 'ed25519', seedOf(9));
export const policy = parsePolicy(`witness w ${vkey(witness)}\nquorum w\n`);

export interface Note {
  readonly size: number;
  readonly root: string;
  readonly note: string;
}

/** Everything that lies with a ledger. */
export interface State {
  readonly lines: readonly SealedLine[];
  readonly notes: readonly Note[];
  /** The stored tree, a level each. */
  readonly levels: readonly Buffer[];
  readonly attachments: ReadonlyMap<string, Uint8Array>;
}

const encoder = new TextEncoder();
const attached = encoder.encode('"'.padEnd(2000, 'a').concat('"'));
export const DIGEST = `sha-256:${createHash('sha256').update(attached).digest('hex')}`;
const OWN = { actor: { id: 'indelible', type: 'service' }, resource: { id: ORIGIN, type: 'ledger' } };

export const leavesOf = (lines: readonly SealedLine[]): string[] =>
  lines.map(({ body }) => leafHash(encoder.encode(body)));
export const rootOf = (lines: readonly SealedLine[], size = lines.length): string =>
  merkleRoot(leavesOf(lines.slice(0, size)));

/** A checkpoint over the first `size` lines. */
export async function checkpoint(
  lines: readonly SealedLine[],
  size: number,
  signers: readonly NoteSigner[],
): Promise<Note> {
  const root = rootOf(lines, size);
  const text = formatCheckpoint({ origin: ORIGIN, size, root, extensions: [] });
  const signatures = await Promise.all(signers.map((one) => signCheckpoint(text, one, TIME)));
  return { size, root, note: formatNote({ text, signatures }) };
}

/** The tree over these lines, as it is stored. */
export function treeOf(lines: readonly SealedLine[]): Buffer[] {
  const leaves = leavesOf(lines);
  const tiles: string[] = [];
  for (let at = 0; at + 256 <= leaves.length; at += 256) tiles.push(merkleRoot(leaves.slice(at, at + 256)));
  return [leaves, tiles].map((hashes) => Buffer.from(hashes.join(''), 'hex'));
}

/** Lines sealed behind one another, whatever they say. */
export function seal(members: readonly object[], from: readonly SealedLine[] = []): SealedLine[] {
  const lines = [...from];
  for (const one of members)
    lines.push(sealLine(lines.length, lines.at(-1)?.hash ?? GENESIS_HASH, { ledger: ORIGIN }, one));
  return lines;
}

/** The members of a record that sealing does not decide. */
export function membersOf({ body }: SealedLine): Record<string, unknown> {
  const { prev_hash: _prev, seq: _seq, ...members } = JSON.parse(body);
  return members;
}

/** A line with other bytes; its hash is computed anew, or left as it was. */
export function edited(line: SealedLine, change: (body: string) => string, rehash: boolean): SealedLine {
  const body = change(line.body);
  if (body === line.body) throw new Error('nothing was edited');
  return { ...line, body, hash: rehash ? leafHash(encoder.encode(body)) : line.hash };
}

/** What the log says first: its configuration, and the key that signs its checkpoints. */
export function opening(announced: string): object[] {
  const config = { format: 1, hash: 'sha-256', keys: [], ledger: ORIGIN };
  return [
    { ...OWN, action: 'ledger.created', data: { config } },
    { ...OWN, action: 'ledger.signing_key_announced', data: { earlier: [], vkey: announced } },
  ];
}

/** That the ledger dropped what lies below, said by somebody who was not asked. */
export function truncationOf(lines: readonly SealedLine[], keep_from: number): object {
  const prev_hash = lines[keep_from - 1]!.hash;
  return { ...OWN, action: 'ledger.truncated', data: { keep_from, prev_hash } };
}

/** An honest ledger up to `records`, whose payments have these amounts. */
export async function honest(records = RECORDS, announced = vkey(signer), amount = 7): Promise<State> {
  let lines = seal(opening(announced));
  const payment = () => ({ action: 'payment.sent', data: { amount, to: `account ${lines.length}` } });
  while (lines.length < records) {
    const anchored = SIZES.find((size) => lines.length === size + 1);
    if (anchored !== undefined) {
      const root = rootOf(lines, anchored);
      const receipt = { anchored_at: null, evidence: { offset: 0 } };
      const data = { anchor: 'file:elsewhere', kind: 'file', receipt, root, size: anchored };
      lines = seal([{ ...OWN, action: 'ledger.anchored', data }], lines);
    } else if (lines.length === 150) {
      const attachment = { digest: DIGEST, media_type: 'application/json', size: attached.length };
      lines = seal([{ action: 'file.kept', attachment }], lines);
    } else lines = seal([payment()], lines);
  }
  const notes = await Promise.all(
    SIZES.filter((size) => size <= records).map((size) => checkpoint(lines, size, [signer, witness])),
  );
  return { lines, notes, levels: treeOf(lines), attachments: new Map([[DIGEST, attached]]) };
}

/** The same history of payments, made up by somebody else; signed by whoever is named. */
export async function rewritten(
  state: State,
  signers: readonly NoteSigner[],
  { announced = vkey(signer), from = 50, records = RECORDS } = {},
): Promise<State> {
  const changed = state.lines.slice(0, records).map((line) => membersOf(line));
  (changed[1] as { data: unknown }).data = { earlier: [], vkey: announced };
  (changed[from] as { data: unknown }).data = { amount: 0, to: 'nobody' };
  // Whoever rewrites a log makes what it says about its anchors fit.
  let lines: SealedLine[] = [];
  for (const one of changed) {
    const { action, data } = one as { action: string; data: { size: number } };
    const fitting =
      action === 'ledger.anchored' ? { ...one, data: { ...data, root: rootOf(lines, data.size) } } : one;
    lines = seal([fitting], lines);
  }
  const sizes = signers.length === 0 ? [] : SIZES.filter((size) => size <= records);
  const notes = await Promise.all(sizes.map((size) => checkpoint(lines, size, signers)));
  return { ...state, lines, notes, levels: treeOf(lines) };
}

/** The same records under another name, announcing no key and naming no anchor. */
export function renamed(lines: readonly SealedLine[]): SealedLine[] {
  const all: SealedLine[] = [];
  for (const line of lines) {
    const text = JSON.stringify(membersOf(line)).replaceAll(ORIGIN, 'acme.invalid/prod');
    const telling = /"action":"ledger\.(?:signing_key_announced|anchored)"/.test(line.body);
    const members = telling ? { action: 'payment.sent' } : JSON.parse(text);
    all.push(
      sealLine(all.length, all.at(-1)?.hash ?? GENESIS_HASH, { ledger: 'acme.invalid/prod' }, members),
    );
  }
  return all;
}

export const textOf = (lines: readonly SealedLine[]): string =>
  lines.map(({ hash, body }) => `{"hash":"${hash}","record":${body}}\n`).join('');
