/**
 * Compares core with the vectors. The same checks run on Node from source and in a real browser on the built output.
 *
 * Pure:    no I/O, and no imports but types: the browser test serves this file as it is, types stripped.
 */
import type * as Core from '@indelible/core';

type CoreModule = typeof Core;

export interface CanonicalVectors {
  readonly cases: readonly {
    readonly name: string;
    readonly input: string;
    readonly canonical: string;
    readonly canonical_hex: string;
    readonly strict_parse_refuses?: string;
  }[];
  readonly numbers: readonly { readonly ieee754: string; readonly canonical: string | null }[];
}

export interface RejectVectors {
  readonly cases: readonly {
    readonly name: string;
    readonly text: string;
    readonly sent: string | null;
    readonly stored: string;
  }[];
  readonly bytes: readonly { readonly name: string; readonly hex: string; readonly stored: string }[];
}

export interface MerkleVectors {
  readonly reference: { readonly leaves_hex: readonly string[]; readonly roots: readonly string[] };
  readonly decimal: {
    readonly roots: readonly string[];
    readonly accumulated: { readonly size_max: number; readonly sha256: string };
  };
}

export interface RecordVectors {
  readonly records: readonly {
    readonly name: string;
    readonly body: string;
    readonly bytes: number;
    readonly hash: string;
    readonly leaf_hash: string;
    readonly secret_hex?: string;
    readonly line_sha256: string;
  }[];
  readonly rejects: readonly { readonly name: string; readonly body: string; readonly error: string }[];
  readonly key_checks: readonly {
    readonly key_id: string;
    readonly secret_hex: string;
    readonly check: string;
  }[];
  readonly idempotency_digests: readonly { readonly event: unknown; readonly digest: string }[];
  readonly line: { readonly body: string; readonly hash: string; readonly line: string };
}

export interface ChainVectors {
  readonly logs: readonly {
    readonly name: string;
    readonly keys: readonly { readonly key_id: string; readonly secret_hex: string }[];
    readonly lines: readonly string[];
    readonly ok: boolean;
    readonly damage: string | null;
    readonly first_bad_seq: number | null;
  }[];
}

/** How many comparisons were made and which failed. */
export class Tally {
  checked = 0;
  readonly failures: string[] = [];

  same(what: string, actual: unknown, expected: unknown): void {
    this.checked++;
    const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)];
    if (a !== b) this.failures.push(`${what}: got ${a?.slice(0, 300)}, expected ${b?.slice(0, 300)}`);
  }
}

const encoder = new TextEncoder();

/** `null` when it succeeds, the code of our own error, or the message of any other. */
export function codeOf(action: () => unknown): string | null {
  try {
    action();
    return null;
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    return code ?? `not our error: ${message}`;
  }
}

export function fromHex(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

export function checkCanonical(core: CoreModule, vectors: CanonicalVectors, tally: Tally): void {
  for (const { name, input, canonical, canonical_hex, strict_parse_refuses } of vectors.cases) {
    tally.same(name, core.canonicalize(JSON.parse(input)), canonical);
    tally.same(`${name}, as bytes`, toHex(encoder.encode(canonical)), canonical_hex);
    tally.same(`${name}, stored`, core.canonicalize(core.parseCanonical(fromHex(canonical_hex))), canonical);
    tally.same(
      `${name}, sent`,
      codeOf(() => core.parseJson(input)),
      strict_parse_refuses ?? null,
    );
    // Canonical text is itself valid input, unless it has a number that a double does not hold as written.
    tally.same(`${name}, sent in canonical form`, core.canonicalize(core.parseJson(canonical)), canonical);
  }
  for (const { ieee754, canonical } of vectors.numbers) {
    const value = new DataView(fromHex(ieee754).buffer as ArrayBuffer).getFloat64(0);
    if (canonical === null)
      tally.same(
        ieee754,
        codeOf(() => core.canonicalize(value)),
        'JSON_VALUE',
      );
    else {
      tally.same(ieee754, core.canonicalize(value), canonical);
      tally.same(
        `${ieee754}, stored`,
        core.parseCanonical(encoder.encode(canonical)),
        value === 0 ? 0 : value,
      );
    }
  }
}

export function checkRejects(core: CoreModule, vectors: RejectVectors, tally: Tally): void {
  for (const { name, text, sent, stored } of vectors.cases) {
    tally.same(
      `${name}, sent`,
      codeOf(() => core.canonicalize(core.parseJson(text))),
      sent,
    );
    tally.same(
      `${name}, stored`,
      codeOf(() => core.parseCanonical(encoder.encode(text))),
      stored,
    );
  }
  for (const { name, hex, stored } of vectors.bytes) {
    tally.same(
      name,
      codeOf(() => core.parseCanonical(fromHex(hex))),
      stored,
    );
  }
}

export function checkMerkle(core: CoreModule, vectors: MerkleVectors, tally: Tally): void {
  const reference = vectors.reference.leaves_hex.map((leaf) => core.leafHash(fromHex(leaf)));
  for (const [size, root] of vectors.reference.roots.entries()) {
    tally.same(`reference tree of ${size}`, core.merkleRoot(reference.slice(0, size)), root);
  }
  const { roots, accumulated } = vectors.decimal;
  const leaves = Array.from({ length: accumulated.size_max }, (_, i) =>
    core.leafHash(encoder.encode(String(i))),
  );
  for (const [size, root] of roots.entries()) {
    tally.same(`decimal tree of ${size}`, core.merkleRoot(leaves.slice(0, size)), root);
  }
  const tree = new core.GrowingTree();
  let all = `${tree.root()}\n`;
  for (const leaf of leaves) {
    tree.append(leaf);
    all += `${tree.root()}\n`;
  }
  tally.same('all sizes together', core.sha256Hex(encoder.encode(all)), accumulated.sha256);
}

export function checkRecords(core: CoreModule, vectors: RecordVectors, tally: Tally): void {
  for (const vector of vectors.records) {
    const body = encoder.encode(vector.body);
    const hash = vector.secret_hex === undefined ? core.leafHash : core.keyedHash(fromHex(vector.secret_hex));
    tally.same(`${vector.name}: bytes`, body.length, vector.bytes);
    tally.same(`${vector.name}: hash`, hash(body), vector.hash);
    tally.same(`${vector.name}: leaf hash`, core.leafHash(body), vector.leaf_hash);
    tally.same(`${vector.name}: record`, core.canonicalize(core.parseRecord(body)), vector.body);
    const line = core.frameLine(vector.hash, body);
    tally.same(`${vector.name}: line`, core.sha256Hex(line), vector.line_sha256);
    tally.same(`${vector.name}: is a line`, core.isLine(line, 0, line.length), true);
    tally.same(`${vector.name}: hash of line`, core.lineHash(line, 0), vector.hash);
    tally.same(`${vector.name}: body of line`, toHex(core.lineBody(line, 0, line.length)), toHex(body));
  }
  for (const { name, body, error } of vectors.rejects) {
    tally.same(
      name,
      codeOf(() => core.parseRecord(encoder.encode(body))),
      error,
    );
  }
  for (const { key_id, secret_hex, check } of vectors.key_checks) {
    tally.same(`check value of ${key_id}`, core.keyCheckValue(key_id, fromHex(secret_hex)), check);
  }
  for (const { event, digest } of vectors.idempotency_digests) {
    tally.same('idempotency digest', core.sha256Hex(encoder.encode(core.canonicalize(event))), digest);
  }
  const { body, hash, line } = vectors.line;
  tally.same('a line as text', new TextDecoder().decode(core.frameLine(hash, encoder.encode(body))), line);
}

export function checkChains(core: CoreModule, vectors: ChainVectors, tally: Tally): void {
  for (const { name, keys, lines, ok, damage, first_bad_seq } of vectors.logs) {
    const hashes = new Map(
      keys.map(({ key_id, secret_hex }) => [key_id, core.keyedHash(fromHex(secret_hex))]),
    );
    const hashByKey = (key_id: string | null) =>
      keys.length === 0 && key_id === null ? core.leafHash : hashes.get(key_id ?? '');
    const bytes = encoder.encode(lines.map((line) => `${line}\n`).join(''));
    const ends: number[] = [];
    for (const [i, byte] of bytes.entries()) if (byte === 0x0a) ends.push(i + 1);
    let verdict: unknown;
    try {
      const verifier = new core.ChainVerifier(hashByKey);
      verifier.push(bytes, ends);
      const [first] = verifier.finish().findings;
      verdict = [first === undefined, first?.damage ?? null, first?.seq ?? null];
    } catch (error) {
      verdict = (error as { code?: string }).code ?? String(error);
    }
    tally.same(name, verdict, [ok, damage, first_bad_seq]);
    // The fast path must never pass what the careful one does not.
    const stretch = new core.StretchVerifier(hashByKey);
    const clean = codeOf(() => stretch.push(bytes, ends)) === null && stretch.report().clean;
    const starts_late = stretch.report().beginning?.seq !== 0;
    if (!starts_late) tally.same(`${name}: fast path`, clean, ok);
    else if (ok) tally.same(`${name}: fast path`, clean, true);
  }
}
