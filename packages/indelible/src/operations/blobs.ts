/**
 * Where before-images go: durably before the effect, and no sooner than they must.
 */
import { sha256Hex } from '@indelible/core';
import type { Blobs } from '../connectors/contract.ts';

/** For a dry run: what is put here lasts as long as this does. It is taken again, durably, before the effect. */
export function dryBlobs(blobs: Blobs): Blobs {
  const kept = new Map<string, Uint8Array>();
  return {
    put: async (bytes) => {
      const digest = digestOf(bytes);
      kept.set(digest, bytes.slice());
      return digest;
    },
    get: async (digest) => kept.get(digest)?.slice() ?? blobs.get(digest),
  };
}

export interface LateBlobs extends Blobs {
  /** Resolves once all that was put is durable; rejects when some of it will never be. */
  durable(): Promise<void>;
}

/** Puts while the intent is recorded: what counts is that both are durable before the effect. */
export function lateBlobs(blobs: Blobs): LateBlobs {
  const puts: Promise<string>[] = [];
  return {
    put: async (bytes) => {
      const put = blobs.put(bytes.slice());
      // Heard by `durable`.
      put.catch(() => {});
      puts.push(put);
      return digestOf(bytes);
    },
    get: async (digest) => {
      await Promise.all(puts);
      return blobs.get(digest);
    },
    durable: async () => {
      await Promise.all(puts);
    },
  };
}

function digestOf(bytes: Uint8Array): string {
  return `sha-256:${sha256Hex(bytes)}`;
}
