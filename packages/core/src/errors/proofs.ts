/**
 * The part of the table of errors that is about what is shown to others: proofs, checkpoints, witnesses, anchors.
 *
 * Pure:    no I/O.
 */
import type { ErrorEntry } from './entry.ts';

export const PROOF_ERRORS = {
  // Proofs, tiles and signed checkpoints
  PROOF_RANGE: {
    http: 400,
    exit: 2,
    remedy: 'Ask for a record and for sizes that the log has; the first size is at least 1.',
  },
  PROOF_INVALID: {
    http: 422,
    exit: 3,
    remedy: 'Get the proof again: this is not a c2sp.org/tlog-proof file.',
  },
  PROOF_WRONG: {
    http: 422,
    exit: 1,
    remedy: 'Check that the proof is for this record; if it is, keep both as evidence.',
  },
  TILE_INVALID: { http: 400, exit: 3, remedy: 'Compare paths and sizes with docs/format/tiles.md.' },
  TILE_MISSING: { http: 404, exit: 3, remedy: 'Get the tile, or the full one if the partial one is gone.' },
  NOTE_INVALID: { http: 422, exit: 3, remedy: 'Get the note again, byte for byte: this is no signed note.' },
  CHECKPOINT_INVALID: {
    http: 422,
    exit: 3,
    remedy: 'Get the checkpoint again; see docs/format/checkpoint.md.',
  },
  CHECKPOINT_OTHER_LOG: {
    http: 422,
    exit: 3,
    remedy: 'Give the key and origin of the log that this checkpoint is from.',
  },
  COSIGNATURE_INVALID: {
    http: 422,
    exit: 2,
    remedy: 'Use a cosignature key, whole seconds, and names of at most 255 bytes.',
  },
  SIGNATURE_MISSING: {
    http: 422,
    exit: 3,
    remedy: 'Give the verifier key of the log; none of the keys given has signed this.',
  },
  SIGNATURE_WRONG: {
    http: 422,
    exit: 1,
    remedy: 'Keep it as evidence: a key you know is named, but did not sign this text.',
  },
  SIGNATURE_ALGORITHM: {
    http: 500,
    exit: 3,
    remedy: 'Check the signer, or hand in an implementation of the algorithm.',
  },
  VERIFIER_KEY_INVALID: {
    http: 400,
    exit: 2,
    remedy: 'Copy the verifier key again (name+id+base64), and give each key once.',
  },
  CHECKPOINT_MISSING: {
    http: 404,
    exit: 3,
    remedy: 'Wait for the next checkpoint (about a second), or have the ledger opened with a signing key.',
  },
  CHECKPOINT_FORK: {
    http: 500,
    exit: 1,
    remedy:
      'Keep everything as it is: the log no longer continues what was signed. See docs/guides/tampering.md.',
  },
  TREE_DAMAGED: {
    http: 500,
    exit: 3,
    remedy: 'Remove the tree files (not checkpoints.db): they are derived, and built again from the log.',
  },
  SIGNER_MISSING: {
    http: 503,
    exit: 3,
    remedy: 'Open the ledger with a signing key; see docs/guides/proofs.md.',
  },
  SIGNER_REFUSED: {
    http: 500,
    exit: 2,
    remedy: 'Use the active signing key, or rotate to the new key with the active one.',
  },
  SIGNER_FAILED: {
    http: 503,
    exit: 3,
    remedy: 'Check the signer; recording goes on, and signing is tried again.',
  },
  SIGNING_KEY_INVALID: {
    http: 500,
    exit: 2,
    remedy: 'Give an Ed25519 private key as PKCS#8 PEM, or its 32-byte seed as base64.',
  },
  SIGNING_KEY_EXPOSED: {
    http: 500,
    exit: 2,
    remedy: 'Keep the key outside the folder of the ledger, with mode 0600: chmod 600 FILE.',
  },
  WITNESSES_MISSING: {
    http: 422,
    exit: 3,
    remedy: 'Wait for more witnesses to cosign, or ask for fewer.',
  },
  // Other machines: witnesses, and logs that are followed
  REMOTE_URL: {
    http: 400,
    exit: 2,
    remedy: 'Give an https address (http for this machine only) without credentials, query or fragment.',
  },
  REMOTE_FAILED: {
    http: 502,
    exit: 3,
    remedy: 'Check the address and the network; what was asked for can be asked again.',
  },
  WITNESS_CONFIG: {
    http: 400,
    exit: 2,
    remedy: 'Correct the list of logs, key file or policy named; see docs/guides/witnesses.md.',
  },
  WITNESS_STATE: {
    http: 503,
    exit: 3,
    remedy: 'Check witness.db and its disk; never restore an older copy of it.',
  },
  MONITOR_STATE: {
    http: 500,
    exit: 3,
    remedy: 'Restore the state file, or delete it to trust what the log shows next.',
  },
  // Anchors
  ANCHOR_URL: {
    http: 400,
    exit: 2,
    remedy:
      'Use file:PATH, sqlite:PATH, postgres://…, https://…, tsa+https://…?roots=FILE or s3://…; see docs/guides/anchors.md.',
  },
  ANCHOR_CONFIG: {
    http: 500,
    exit: 2,
    remedy:
      'Correct what the message names (a secret, root certificates, a name); see docs/guides/anchors.md.',
  },
  ANCHOR_UNAVAILABLE: {
    http: 503,
    exit: 3,
    remedy: 'Check that the anchor can be reached; publishing is tried again by itself.',
  },
  ANCHOR_REFUSED: {
    http: 502,
    exit: 3,
    remedy: 'Check the address and the settings of the anchor: it answered, but not with what was asked for.',
  },
  ANCHOR_CONFLICT: {
    http: 409,
    exit: 1,
    remedy: 'Keep ledger and anchor as evidence: the anchor holds another or a longer history of this log.',
  },
  ANCHOR_DAMAGED: {
    http: 500,
    exit: 1,
    remedy: 'Keep the anchor as evidence: what it keeps was altered. Anchor to a new place.',
  },
  WEBHOOK_INVALID: {
    http: 401,
    exit: 3,
    remedy: 'Do not act on the request: it is not signed with this secret, or not of these minutes.',
  },
  POLICY_INVALID: {
    http: 422,
    exit: 2,
    remedy: 'Correct the line named in the message; see docs/format/policy.md.',
  },
  WITNESS_REQUEST_INVALID: {
    http: 400,
    exit: 2,
    remedy: 'Send old size, proof, an empty line and the checkpoint; see docs/format/witness.md.',
  },
  WITNESS_RESPONSE_INVALID: {
    http: 502,
    exit: 3,
    remedy: 'Check the URL of the witness: what answered does not speak c2sp.org/tlog-witness.',
  },
} as const satisfies Record<string, ErrorEntry>;
