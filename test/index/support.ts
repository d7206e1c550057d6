/**
 * Lines to index, and a naive search to compare the index with.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { canonicalize, frameLine } from '@indelible/core';
import type { LineBatch } from '../../packages/indelible/src/stores/contract.ts';
import type { Filter, RecordIndex, Search } from '../../packages/indelible/src/stores/index/contract.ts';

export type Loose = Record<string, unknown>;

const START_MS = Date.parse('2026-11-21T02:14:00.000Z');

/** The time of a record: four records share each 10 ms. */
export function timeOf(seq: number): string {
  return new Date(START_MS + Math.floor(seq / 4) * 10).toISOString();
}

/** A record whose members repeat in different rhythms, so that every filter has some matches and some not. */
export function makeRecord(seq: number, over: Loose = {}): Loose {
  const record: Loose = {
    v: 1,
    ledger: 'acme.example/test',
    seq,
    id: `0199aaaa-0000-7000-8000-${seq.toString(16).padStart(12, '0')}`,
    prev_hash: 'ab'.repeat(32),
    recorded_at: timeOf(seq),
    action: ['secret.get', 'secret.set', 'user.login', 'Secret.get', 'deploy'][seq % 5],
    actor: { type: seq % 2 === 0 ? 'user' : 'agent', id: `actor-${seq % 7}` },
    outcome: ['ok', 'ok', 'ok', 'denied', 'error', 'pending'][seq % 6],
    correlation_id: Math.floor(seq / 9)
      .toString(16)
      .padStart(32, '0'),
    data: {
      note: `Rotation number ${seq} of Größe`,
      tags: ['alpha', { deep: `beta-${seq % 11}` }],
      port: 400 + (seq % 3),
    },
  };
  if (seq % 2 === 1) (record.actor as Loose).on_behalf_of = { type: 'user', id: `boss-${seq % 3}` };
  if (seq % 3 !== 0) record.resource = { type: seq % 4 === 0 ? 'table' : 'secret', id: `db/${seq % 13}` };
  if (seq % 10 === 0) record.related_resources = [{ type: 'host', id: `h${seq % 20}` }];
  if (seq % 4 === 2) record.session = { id: `s-${seq % 8}` };
  if (seq % 3 === 1) record.idempotency = { key: `key-${seq}`, digest: 'cd'.repeat(32) };
  return { ...record, ...over };
}

export function makeRecords(count: number): Loose[] {
  return Array.from({ length: count }, (_, seq) => makeRecord(seq));
}

/** Lines of bodies given as records, text or bytes, all with one hash. */
export function batchOf(
  first_seq: number,
  bodies: readonly (Loose | string | Uint8Array)[],
  hash = 'ef'.repeat(32),
): LineBatch {
  const lines = bodies.map((body) => {
    if (body instanceof Uint8Array) return frameLine(hash, body);
    return frameLine(hash, Buffer.from(typeof body === 'string' ? body : canonicalize(body)));
  });
  let end = 0;
  return { first_seq, bytes: Buffer.concat(lines), ends: lines.map((line) => (end += line.length)) };
}

/** Adds records in batches of the given sizes, over and over. */
export async function addAll(
  index: RecordIndex,
  records: readonly Loose[],
  sizes: readonly number[],
): Promise<void> {
  for (let from = 0, i = 0; from < records.length; i++) {
    const size = sizes[i % sizes.length]!;
    await index.add(batchOf(from, records.slice(from, from + size)));
    from += size;
  }
}

/** What `search` must answer, found by looking at every record. */
export function naiveSearch(records: readonly Loose[], search: Search): { seqs: number[]; more: boolean } {
  const { order, limit, beyond, below } = search;
  let found = records.filter((record) => naiveMatch(record, search.filter)).map(({ seq }) => seq as number);
  if (order === 'newest') found.reverse();
  if (below !== undefined) found = found.filter((seq) => seq < below);
  if (beyond !== undefined) found = found.filter((seq) => (order === 'newest' ? seq < beyond : seq > beyond));
  return { seqs: found.slice(0, limit), more: found.length > limit };
}

export function naiveMatch(record: Loose, filter: Filter): boolean {
  const actors: Loose[] = [];
  for (let one = record.actor as Loose | undefined; one; one = one.on_behalf_of as Loose | undefined)
    actors.push(one);
  const resources = [record.resource, ...((record.related_resources as Loose[]) ?? [])].filter(
    Boolean,
  ) as Loose[];
  const checks: Record<keyof Filter, (wanted: string) => boolean> = {
    actor: (wanted) => actors.some((actor) => actor.id === wanted),
    actor_type: (wanted) => actors[0]?.type === wanted,
    action: (wanted) =>
      wanted.endsWith('*') ? String(record.action).startsWith(wanted.slice(0, -1)) : record.action === wanted,
    resource: (wanted) => resources.some((resource) => resource.id === wanted),
    resource_type: (wanted) => resources.some((resource) => resource.type === wanted),
    outcome: (wanted) => record.outcome === wanted,
    correlation_id: (wanted) => record.correlation_id === wanted,
    session: (wanted) => (record.session as Loose | undefined)?.id === wanted,
    since: (wanted) => String(record.recorded_at) >= wanted,
    until: (wanted) => String(record.recorded_at) < wanted,
    text: (wanted) => naiveWords(wanted).every((word) => wordsOf(record).has(word)),
  };
  return Object.entries(filter).every(([name, wanted]) => checks[name as keyof Filter](wanted));
}

const wordsKnown = new WeakMap<Loose, Set<string>>();

/** The words of what the caller said. */
function wordsOf(record: Loose): Set<string> {
  const known = wordsKnown.get(record);
  if (known !== undefined) return known;
  const { v, ledger, seq, id, prev_hash, recorded_at, key_id, idempotency, ...said } = record;
  const key = (idempotency as Loose | undefined)?.key ?? '';
  const words = new Set(valuesOf([said, key]).flatMap(naiveWords));
  wordsKnown.set(record, words);
  return words;
}

function naiveWords(text: string): string[] {
  return text
    .toLowerCase()
    .split(/[^\p{L}\p{N}\p{M}]+/u)
    .filter((word) => word !== '');
}

function valuesOf(value: unknown): string[] {
  if (typeof value === 'object' && value !== null) return Object.values(value).flatMap(valuesOf);
  return [String(value)];
}

/** A temporary folder, removed after the test. */
export async function temporaryFolder(context: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'indelible-index-test-'));
  context.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
