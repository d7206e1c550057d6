/**
 * Compares what core does with signed texts with the vectors. The same checks run on Node from source and in a real
 * browser on the built output.
 *
 * Pure:    no I/O, and no imports but types and the neighbouring checks: the browser test serves this file as it is,
 *          types stripped.
 */
import type * as Core from '@indelible/core';
import { codeOf, fromHex, type Tally } from './vector-checks.ts';

type CoreModule = typeof Core;

interface SignatureCase {
  readonly name: string;
  readonly message: string;
  readonly signature: string;
  readonly valid: boolean;
}

export interface PublishedVectors {
  readonly ed25519: {
    readonly [set in 'rfc8032' | 'wycheproof' | 'speccheck']: {
      readonly cases: readonly (SignatureCase & { readonly public_key: string })[];
    };
  } & { readonly keys_refused: { readonly keys: readonly string[]; readonly signature: string } };
  readonly ml_dsa_44: {
    readonly public_keys: readonly string[];
    readonly cases: readonly (SignatureCase & { readonly key: number })[];
  };
  readonly add_checkpoint: {
    readonly logs: readonly {
      readonly origin: string;
      readonly vkey: string;
      readonly exchanges: readonly {
        readonly body: string;
        readonly status: number;
        readonly size?: number;
      }[];
    }[];
  };
}

interface Inclusion {
  readonly leaf: string;
  readonly index: number;
  readonly size: number;
  readonly root: string;
  readonly proof: readonly string[];
}
interface Consistency {
  readonly from: number;
  readonly from_root: string;
  readonly to: number;
  readonly to_root: string;
  readonly proof: readonly string[];
}
export interface ProofVectors {
  readonly decimal: {
    readonly inclusion: readonly Inclusion[];
    readonly consistency: readonly Consistency[];
  };
}

export interface TlogVectors {
  readonly tile_paths: readonly {
    readonly level: number | 'entries';
    readonly index: number;
    readonly width: number;
    readonly path: string;
  }[];
  readonly bundles: readonly { readonly entries_hex: readonly string[]; readonly hex: string }[];
  readonly verifier_keys: readonly { readonly name: string; readonly vkey: string }[];
  readonly checkpoint: {
    readonly origin: string;
    readonly size: number;
    readonly root: string;
    readonly time: number;
    readonly note: string;
  };
  readonly ml_dsa_44: { readonly vkey: string; readonly note: string };
  readonly policies: readonly {
    readonly about: string;
    readonly text: string;
    readonly cosigned: readonly string[];
    readonly met: boolean;
    readonly missing: readonly string[];
  }[];
  readonly policy_rejects: readonly { readonly about: string; readonly text: string }[];
  readonly add_checkpoint: { readonly old_size: number; readonly old_root: string; readonly body: string };
  readonly proofs: readonly { readonly leaf: string; readonly index: number; readonly text: string }[];
}

const encoder = new TextEncoder();

export function checkSignatures(core: CoreModule, vectors: PublishedVectors, tally: Tally): void {
  const { ed25519, ml_dsa_44 } = core.SIGNATURES;
  for (const set of ['rfc8032', 'wycheproof', 'speccheck'] as const) {
    for (const { name, public_key, message, signature, valid } of vectors.ed25519[set].cases) {
      const answer = ed25519(fromHex(public_key), fromHex(message), fromHex(signature));
      tally.same(`Ed25519, ${set}, ${name}`, answer, valid);
    }
  }
  const { keys: refused, signature: under_any } = vectors.ed25519.keys_refused;
  for (const key of refused) {
    for (let message = 0; message < 16; message++) {
      const answer = ed25519(fromHex(key), encoder.encode(String(message)), fromHex(under_any));
      tally.same(`Ed25519, key ${key}, message ${message}`, answer, false);
    }
  }
  const keys = vectors.ml_dsa_44.public_keys.map(fromHex);
  for (const { name, key, message, signature, valid } of vectors.ml_dsa_44.cases) {
    const answer = ml_dsa_44(keys[key]!, fromHex(message), fromHex(signature));
    tally.same(`ML-DSA-44, ${name}`, answer, valid);
  }
}

export function checkProofs(core: CoreModule, { decimal }: ProofVectors, tally: Tally): void {
  for (const claim of decimal.inclusion) {
    const what = `leaf ${claim.index} of ${claim.size}`;
    tally.same(what, core.verifyInclusion(claim), { ok: true });
    const other = core.verifyInclusion({ ...claim, leaf: core.EMPTY_ROOT });
    tally.same(`${what}, another leaf`, other.ok, false);
  }
  for (const claim of decimal.consistency) {
    const what = `${claim.from} to ${claim.to}`;
    tally.same(what, core.verifyConsistency(claim), { ok: true });
    const other = core.verifyConsistency({ ...claim, to_root: core.EMPTY_ROOT });
    tally.same(`${what}, another root`, other.ok, false);
  }
}

export function checkTlog(core: CoreModule, vectors: TlogVectors, tally: Tally): void {
  for (const { path, level, index, width } of vectors.tile_paths) {
    tally.same(path, core.tilePath({ level, index, width }), path);
    tally.same(`${path}, read`, core.parseTilePath(path), { level, index, width });
  }
  for (const { entries_hex, hex } of vectors.bundles) {
    const entries = entries_hex.map(fromHex);
    tally.same('bundle', Array.from(core.encodeBundle(entries)), Array.from(fromHex(hex)));
    const decoded = core.decodeBundle(fromHex(hex), entries.length);
    tally.same('bundle, read', decoded.map(core.leafHash), entries.map(core.leafHash));
  }
  checkCheckpoint(core, vectors, tally);
  checkPolicies(core, vectors, tally);
  const [log_key, witness_key] = vectors.verifier_keys.map(({ vkey }) => vkey) as [string, string];
  const trust = {
    log_keys: [log_key],
    witness_keys: [witness_key],
    witnesses_required: 1,
    algorithms: core.SIGNATURES,
  };
  for (const { text, leaf, index } of vectors.proofs) {
    tally.same('proof file', core.formatProof(core.parseProof(encoder.encode(text))), text);
    tally.same('proof file, checked', core.checkProof(encoder.encode(text), leaf, trust).index, index);
    const other = codeOf(() => core.checkProof(encoder.encode(text), core.EMPTY_ROOT, trust));
    tally.same('proof file of another leaf', other, 'PROOF_WRONG');
  }
}

/** Signature by the log, cosignatures by Ed25519 and ML-DSA-44, and the request to a witness. */
function checkCheckpoint(core: CoreModule, vectors: TlogVectors, tally: Tally): void {
  const { origin, size, root, time, note } = vectors.checkpoint;
  const [log_key, witness_key] = vectors.verifier_keys.map(({ vkey }) => vkey) as [string, string];
  const verifiers = [log_key, witness_key, vectors.ml_dsa_44.vkey].map((vkey) => {
    tally.same(vkey, core.formatVerifierKey(core.parseVerifierKey(vkey)), vkey);
    return core.checkpointVerifier(core.parseVerifierKey(vkey), core.SIGNATURES);
  });
  for (const [text, times] of [
    [note, [null, time]],
    [vectors.ml_dsa_44.note, [null, time, time]],
  ] as const) {
    const parsed = core.parseNote(encoder.encode(text));
    tally.same('note', core.formatNote(parsed), text);
    tally.same('checkpoint', core.parseCheckpoint(parsed.text), { origin, size, root, extensions: [] });
    const opened = core.openNote(parsed, verifiers);
    tally.same(
      'signatures',
      opened.map((signature) => signature.time),
      times,
    );
    for (const [i] of parsed.signatures.entries()) {
      const signatures = parsed.signatures.map((line, j) =>
        i === j
          ? { ...line, signature: line.signature.map((byte, at) => (at === 20 ? byte ^ 1 : byte)) }
          : line,
      );
      const wrong = codeOf(() => core.openNote({ ...parsed, signatures }, verifiers));
      tally.same(`signature ${i} altered`, wrong, 'SIGNATURE_WRONG');
    }
  }
  const { body, old_size, old_root } = vectors.add_checkpoint;
  const request = core.parseAddCheckpoint(encoder.encode(body));
  tally.same('request', core.formatAddCheckpoint(request), body);
  const log = { origin, verifiers: verifiers.slice(0, 1) };
  const known = { size: old_size, root: old_root };
  const accepted = core.decideAddCheckpoint(request, known, log);
  tally.same('request, decided', accepted.accepted && accepted.state, { size, root });
  const forked = core.decideAddCheckpoint(request, { size: old_size, root }, log);
  tally.same('request from another root', forked.accepted || forked.status, 422);
}

function checkPolicies(core: CoreModule, vectors: TlogVectors, tally: Tally): void {
  for (const { about, text, cosigned, met, missing } of vectors.policies) {
    const policy = core.parsePolicy(encoder.encode(text));
    const verdict = core.judgeQuorum(policy, cosigned);
    tally.same(`policy, ${about}`, [verdict.met, verdict.missing], [met, missing]);
    const again = core.formatPolicy(policy);
    tally.same(`policy, ${about}, written again`, core.formatPolicy(core.parsePolicy(again)), again);
  }
  for (const { about, text } of vectors.policy_rejects) {
    const code = codeOf(() => core.parsePolicy(encoder.encode(text)));
    tally.same(`policy, ${about}`, code, 'POLICY_INVALID');
  }
}

/** A witness that knows nothing gets one request after the other. */
export function checkExchanges(core: CoreModule, vectors: PublishedVectors, tally: Tally): void {
  for (const { origin, vkey, exchanges } of vectors.add_checkpoint.logs) {
    const verifiers = [core.checkpointVerifier(core.parseVerifierKey(vkey), core.SIGNATURES)];
    let known: Core.KnownTree | null = null;
    for (const [i, { body, status, size }] of exchanges.entries()) {
      const unread = codeOf(() => core.parseAddCheckpoint(encoder.encode(body)));
      if (unread !== null) {
        tally.same(`${origin}, request ${i}`, [unread, 400], ['WITNESS_REQUEST_INVALID', status]);
        continue;
      }
      const request = core.parseAddCheckpoint(encoder.encode(body));
      tally.same(`${origin}, request ${i}`, core.formatAddCheckpoint(request), body);
      const log = request.checkpoint.origin === origin ? { origin, verifiers } : null;
      const decision: Core.Acceptance | Core.Refusal = core.decideAddCheckpoint(request, known, log);
      const answer = decision.accepted ? [200, null] : [decision.status, decision.size];
      tally.same(`${origin}, answer ${i}`, answer, [status, size ?? null]);
      if (decision.accepted) known = decision.state;
    }
  }
}
