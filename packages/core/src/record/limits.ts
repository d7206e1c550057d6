/** The limit of every input. Text limits count UTF-16 code units, sizes count bytes. */
export const LIMITS = {
  /** A C2SP entry bundle holds a uint16 length. */
  record_bytes: 65_535,
  /** What a record may say about the size of its attachment; ledgers take less by default. */
  attachment_bytes: 67_108_864,
  json_depth: 64,
  ledger_name: 200,
  action: 200,
  actor_type: 64,
  identifier: 1024,
  name: 512,
  delegation_depth: 8,
  related_resources: 32,
  lineage: 32,
  source: 200,
  event_type: 200,
  message: 8192,
  reference: 2048,
  idempotency_key: 256,
  key_id: 64,
} as const;
