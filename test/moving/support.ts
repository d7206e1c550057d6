/** Ledgers to copy, and what a copy must have in common with them. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NoteSigner } from '@indelible/core';
import { openCopySource, openCopyTarget, verifyCopy } from '../../packages/indelible/src/compose/moving.ts';
import { openAttachments, openStore, treeFolder } from '../../packages/indelible/src/compose.ts';
import { Ledger } from '../../packages/indelible/src/ledger/ledger.ts';
import type { ChainKey, LedgerOptions } from '../../packages/indelible/src/ledger/types.ts';
import { type CopyOptions, copyLog } from '../../packages/indelible/src/moving/copy.ts';
import type { CopySummary } from '../../packages/indelible/src/moving/types.ts';
import { openTransparency } from '../../packages/indelible/src/transparency/open.ts';

export const NAME = 'acme.example/prod';
export const KEYS: readonly ChainKey[] = [{ key_id: 'k1', secret: new Uint8Array(32).fill(7) }];

interface After {
  after(work: () => Promise<void>): void;
}

export async function newFolder(t: After): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'indelible-moving-'));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

interface Opening extends Pick<LedgerOptions, 'clock' | 'keys'> {
  readonly name?: string;
  readonly signer?: NoteSigner;
  /** Default: one after the other. */
  readonly checkpoint_interval_ms?: number;
}

/** A ledger at a URL without an index, whose thread would take most of these tests' time. */
export async function openAt(
  url: string,
  { signer, checkpoint_interval_ms = 1, ...options }: Opening = {},
): Promise<Ledger> {
  const store = await openStore(url);
  const log = { info() {}, warn() {}, error() {} };
  return Ledger.open({
    name: NAME,
    ...options,
    store,
    attachments: openAttachments(url),
    follow: async (ledger) =>
      openTransparency({
        ledger,
        log,
        folder: treeFolder(url),
        keyed: (options.keys?.length ?? 0) > 0,
        checkpoint_interval_ms,
        ...(signer === undefined ? {} : { signer }),
      }),
  });
}

/** 70 kB of data: more than any record holds. */
export function large(text = 'x'): { text: string } {
  return { text: text.repeat(Math.ceil(70_000 / text.length)) };
}

/** So many records more, the middle one with an attachment of its own. */
export async function fill(ledger: Ledger, count: number): Promise<void> {
  const head = await ledger.head();
  const events = Array.from({ length: count }, (_, i) => ({
    action: 'load.step',
    data: i === count >> 1 ? large(`${head?.seq ?? 0}.`) : { i, note: 'naïve “quotes”, 日本語' },
  }));
  await Promise.all(events.map((event) => ledger.record(event)));
}

/** Makes a ledger at a URL and closes it again. */
export async function makeAt(url: string, count: number, options: Opening = {}): Promise<void> {
  const ledger = await openAt(url, options);
  await fill(ledger, count);
  await ledger.close();
}

type Choices = Partial<Pick<CopyOptions, 'keys' | 'whole' | 'onBegin' | 'onProgress' | 'signal'>>;

/** Copies, and leaves both places closed. */
export async function copyBetween(
  from_url: string,
  to_url: string,
  choices: Choices = {},
): Promise<CopySummary> {
  const from = await openCopySource(from_url);
  try {
    const to = await openCopyTarget(to_url);
    try {
      const copied = await copyLog({ from, to, ...choices });
      if (choices.whole !== false) await verifyCopy({ to_url, to, copied, keys: choices.keys ?? [] });
      return copied;
    } finally {
      await to.close();
    }
  } finally {
    await from.close();
  }
}

/** Every byte of a log. */
export async function linesAt(url: string): Promise<Buffer> {
  const store = await openStore(url, { read_only: true });
  try {
    const parts: Buffer[] = [];
    for await (const batch of store.read(0)) parts.push(Buffer.from(batch.bytes));
    return Buffer.concat(parts);
  } finally {
    await store.close();
  }
}

/** Every line and every attachment is there, byte for byte. */
export async function assertSameBytes(from_url: string, to_url: string): Promise<void> {
  const [ours, theirs] = [await linesAt(from_url), await linesAt(to_url)];
  assert.ok(ours.length > 0);
  assert.equal(Buffer.compare(ours, theirs), 0, 'the lines are the same bytes');
  const [from, to] = [openAttachments(from_url), openAttachments(to_url)];
  try {
    for await (const digest of from.list())
      assert.equal(Buffer.compare(await to.get(digest), await from.get(digest)), 0, digest);
  } finally {
    await from.close();
    await to.close();
  }
}
