/** Signers, time that stands still, and places that are cleaned up. */
import assert from 'node:assert/strict';
import { createPrivateKey } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { checkProof, type NoteSigner, SIGNATURES } from '@indelible/core';
import { type OpenOptions, openStore, treeFolder } from '../../packages/indelible/src/compose.ts';
import { Ledger } from '../../packages/indelible/src/ledger/ledger.ts';
import type { LineBatch } from '../../packages/indelible/src/stores/contract.ts';
import { openTransparency } from '../../packages/indelible/src/transparency/open.ts';
import { signerOf } from '../../packages/indelible/src/transparency/private-key.ts';
import type { Timers } from '../../packages/indelible/src/transparency/timers.ts';

export const NAME = 'acme.example/prod';

/** A signer whose key follows from one byte. */
export function signer(byte = 1, name = NAME): NoteSigner {
  const seed = Buffer.concat([
    Buffer.from('302e020100300506032b657004220420', 'hex'),
    Buffer.alloc(32, byte),
  ]);
  return signerOf(createPrivateKey({ key: seed, format: 'der', type: 'pkcs8' }), name);
}

export function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'indelible-transparency-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** A clock that moves when told to. */
export class ManualTimers implements Timers {
  #now = 1_700_000_000_000;
  #waiting: { at: number; work: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  after(ms: number, work: () => void): () => void {
    const entry = { at: this.#now + ms, work };
    this.#waiting.push(entry);
    return () => {
      this.#waiting = this.#waiting.filter((one) => one !== entry);
    };
  }

  /** How long until the next call, null when none waits. */
  get next_ms(): number | null {
    return this.#waiting.length === 0 ? null : Math.min(...this.#waiting.map(({ at }) => at)) - this.#now;
  }

  advance(ms: number): void {
    this.#now += ms;
    const due = this.#waiting.filter(({ at }) => at <= this.#now);
    this.#waiting = this.#waiting.filter(({ at }) => at > this.#now);
    for (const { work } of due) work();
  }
}

/** Resolves when the condition holds; fails after five seconds. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 5000;
  while (!(await holds())) {
    assert.ok(performance.now() < end, `never happened: ${what}`);
    // Looking without a pause would take the processor from what is waited for.
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** `openLedger` without an index, whose thread would take most of these tests' time. */
export async function openLedger(url: string, options: OpenOptions = {}): Promise<Ledger> {
  const store = await openStore(url, options);
  const log = options.log ?? { info() {}, warn() {}, error() {} };
  try {
    return await Ledger.open({
      ...options,
      store,
      follow: (ledger) =>
        openTransparency({
          ...options,
          ledger,
          folder: treeFolder(url),
          keyed: (options.keys?.length ?? 0) > 0,
          log,
        }),
    });
  } catch (error) {
    await store.close();
    throw error;
  }
}

export async function record(ledger: Ledger, count: number) {
  return Promise.all(
    Array.from({ length: count }, (_, i) => ledger.record({ action: 'load.step', data: { i } })),
  );
}

/** Checks a proof file as an outsider would: with the bytes of the record and the log's keys. */
export function check(proof: string, leaf: string, log_keys: readonly string[]) {
  return checkProof(new TextEncoder().encode(proof), leaf, { log_keys, algorithms: SIGNATURES });
}

/** Lines with these hashes and a record that says nothing. */
export function batchOf(first_seq: number, hashes: readonly string[]): LineBatch {
  const lines = hashes.map((hash, i) => `{"hash":"${hash}","record":{"seq":${first_seq + i}}}\n`);
  let end = 0;
  return {
    first_seq,
    bytes: new TextEncoder().encode(lines.join('')),
    ends: lines.map((line) => (end += line.length)),
  };
}

export async function rejectsWith(code: string, work: () => Promise<unknown> | unknown): Promise<string> {
  let message = '';
  await assert.rejects(
    async () => work(),
    (error: unknown) => {
      assert.equal((error as { code?: unknown }).code, code, String(error));
      message = (error as Error).message;
      return true;
    },
  );
  return message;
}
