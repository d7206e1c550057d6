/** Events as plain SQL takes them: with few members and with all, and what is easily spelled otherwise. */

export const ANA = { type: 'user', id: 'ana@acme.example', name: 'Ana “A.” Zoë 😀' };
export const EVENTS = [
  { action: 'order.placed' },
  {
    action: 'order.placed',
    actor: ANA,
    data: { total: 12.5, '\u{1f600}': 1, '\uff01': [1e21, -0, null, true] },
  },
  {
    action: 'a'.repeat(200),
    actor: { ...ANA, on_behalf_of: { type: 'agent', id: 'x' } },
    resource: { type: 'order', id: '1/2', name: 'n' },
    related_resources: [
      { type: 'a', id: 'b' },
      { type: 'c', id: 'd', name: '\\"' },
    ],
    outcome: 'denied',
    data: '\u0000 \u0001 \\u0000 \\\u0000',
    correlation_id: '4bf92f3577b34da6a3ce929d0e0e4736',
    span_id: '00f067aa0ba902b7',
    occurred_at: '2026-11-21T02:14:00.123Z',
    session: { id: 's', agent_id: 'a', agent_type: 't', lineage: ['p', 'q'] },
    source: 'billing',
    event_type: 'order',
    message: 'several\nlines\t“quoted” \\',
    input_ref: 's3://in',
    output_ref: 's3://out',
    latency_ms: 12.25,
    cost_usd: 0.1,
    params_hash: 'ab'.repeat(32),
    idempotency_key: 'order-1001',
  },
  { action: 'x', data: null, idempotency_key: '😀'.repeat(128), occurred_at: '2026-11-21T02:14:00.123456Z' },
  {
    action: 'x',
    data: { prev_hash: 'decoy', seq: 7, recorded_at: '9999-01-01T00:00:00.000Z' },
    latency_ms: 0,
  },
  {
    action: '😀'.repeat(100),
    message: '',
    related_resources: [],
    session: {},
    cost_usd: 1e-7,
    data: [[], {}],
  },
  // A backslash and five letters, not U+0000.
  {
    action: 'x',
    actor: { type: 'user', id: 'a\\u0000' },
    resource: { type: '\\\\u0000', id: '1' },
    related_resources: [{ type: 'order', id: '\\u0000' }],
    session: { id: '\\u0000' },
  },
];
