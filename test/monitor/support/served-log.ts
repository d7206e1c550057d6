/**
 * A log for tests: grown by entries, signed by a key, and shown over a real HTTP server whose answers a test can alter.
 */
import { createPrivateKey, createPublicKey, sign } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import {
  encodeBundle,
  formatCheckpoint,
  formatNote,
  formatVerifierKey,
  GrowingTiles,
  leafHash,
  type NoteSigner,
  type SignatureType,
  signCheckpoint,
  TILE_WIDTH,
  tilePath,
  verifierKey,
  widthAt,
} from '@indelible/core';

export const ORIGIN = 'example.com/log';

/** A signer of any type from one byte. */
export function signerOf(name: string, type: SignatureType, byte: number): NoteSigner {
  const header =
    type === 'ml_dsa_44_cosignature'
      ? '3034020100300b060960864801650304031104228020'
      : '302e020100300506032b657004220420';
  const der = Buffer.concat([Buffer.from(header, 'hex'), new Uint8Array(32).fill(byte)]);
  const private_key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  const spki = createPublicKey(private_key).export({ format: 'der', type: 'spki' });
  const public_key = Uint8Array.from(spki.subarray(type === 'ml_dsa_44_cosignature' ? -1312 : -32));
  return {
    key: verifierKey(name, type, public_key),
    sign: (message) => Uint8Array.from(sign(null, message, private_key)),
  };
}

export const LOG_SIGNER = signerOf(ORIGIN, 'ed25519', 7);
export const LOG_VKEY = formatVerifierKey(LOG_SIGNER.key);

/** The entries of a log of this size; `fork_at` is the first that differs from every other branch. */
export function entriesOf(size: number, branch = '', fork_at = Number.POSITIVE_INFINITY): Uint8Array[] {
  return Array.from({ length: size }, (_, i) => Buffer.from(`${i >= fork_at ? branch : ''}entry ${i}`));
}

/** Every file of a log with these entries, by path, checkpoint included. */
export async function filesOf(
  entries: readonly Uint8Array[],
  signers: readonly NoteSigner[] = [LOG_SIGNER],
  origin = ORIGIN,
): Promise<Map<string, Uint8Array>> {
  const growing = new GrowingTiles();
  for (const entry of entries) growing.append(leafHash(entry));
  const files = new Map<string, Uint8Array>();
  for (const { tile, bytes } of [...growing.takeFull(), ...growing.partials()])
    files.set(tilePath(tile), bytes);
  for (let index = 0; index * TILE_WIDTH < entries.length; index++) {
    const width = widthAt('entries', index, entries.length);
    const bundle = encodeBundle(entries.slice(index * TILE_WIDTH, index * TILE_WIDTH + width));
    files.set(tilePath({ level: 'entries', index, width }), bundle);
  }
  files.set('checkpoint', Buffer.from(await noteOf(entries.length, growing.root(), signers, origin)));
  return files;
}

/** A signed checkpoint, whatever it claims. */
export async function noteOf(
  size: number,
  root: string,
  signers: readonly NoteSigner[] = [LOG_SIGNER],
  origin = ORIGIN,
  time = 1_700_000_000,
): Promise<string> {
  const text = formatCheckpoint({ origin, size, root, extensions: [] });
  const signatures = [];
  for (const signer of signers) signatures.push(await signCheckpoint(text, signer, time));
  return formatNote({ text, signatures });
}

/** Writes the files of a log below a folder. */
export function writeLog(folder: string, files: ReadonlyMap<string, Uint8Array>): void {
  for (const [path, bytes] of files) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), bytes);
  }
}

/** What a server does instead of giving the file. */
export type Answer = (request: {
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly respond: (status: number, headers: Record<string, string>, body: Uint8Array | string) => void;
  /** The bare response, for answers that never end. */
  readonly response: import('node:http').ServerResponse;
}) => boolean;

/** Serves whatever `show` was called with last. */
export class LogServer {
  readonly #server: Server;
  #files: ReadonlyMap<string, Uint8Array> = new Map();
  /** Every path asked for, in order. */
  readonly asked: string[] = [];
  /** Returns true when it has answered. */
  answer: Answer = () => false;

  private constructor() {
    this.#server = createServer((request, response) => {
      const path = request.url!.slice('/log/'.length);
      this.asked.push(path);
      const respond = (status: number, headers: Record<string, string>, body: Uint8Array | string): void => {
        response.writeHead(status, headers);
        response.end(body);
      };
      if (this.answer({ path, headers: request.headers, respond, response })) return;
      const file = this.#files.get(path);
      if (file === undefined) respond(404, {}, 'not found');
      else respond(200, { 'content-type': 'application/octet-stream' }, file);
    });
  }

  static async start(): Promise<LogServer> {
    const server = new LogServer();
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve));
    return server;
  }

  get prefix(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/log`;
  }

  show(files: ReadonlyMap<string, Uint8Array>): void {
    this.#files = files;
    this.answer = () => false;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
