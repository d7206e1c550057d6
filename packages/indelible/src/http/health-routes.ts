/**
 * Is it alive, is it ready, how is it doing. Open routes say nothing about what is recorded.
 */
import type { Ledger } from '../ledger/ledger.ts';
import type { App, Parts } from './app.ts';
import { askSoon, READY_WAIT_MS } from './ask-soon.ts';
import { anchorStates, checkpointState } from './checkpoint-state.ts';
import { archiveState, indexLag, outboxState } from './following-state.ts';
import { answer, answers, Type } from './schemas.ts';

const JSON_TYPE = 'application/json; charset=utf-8';

interface LedgerState {
  readonly ledger: string;
  readonly ready: boolean;
  /** Code of the storage fault that recording meets, or null. */
  readonly fault: string | null;
  readonly head_seq: number | null;
  /** Records not yet in the index; null without an index. */
  readonly index_lag: number | null;
}

/** Adds the routes. */
export function addHealthRoutes(app: App, parts: Parts): void {
  const states = Type.Object(
    {},
    {
      additionalProperties: true,
      description: 'ready, and for each ledger: ready, fault, head_seq, index_lag.',
    },
  );

  const health = Type.Object(
    {
      ok: Type.Boolean(),
      degraded: Type.Boolean({ description: 'The last verification of a ledger found tampering.' }),
      ledgers: Type.Array(Type.Object({}, { additionalProperties: true })),
    },
    {
      description:
        'For each ledger: checkpoint (size, signed_size, age_s, fault; null without a signing key) and anchors ' +
        '(anchor, kind, ok, last_anchored_size, last_anchored_at, failing_since, fault), ' +
        'archive (ok, size, checkpoint_size, lag_records, lag_s, last_archived_at, failing_since, fault; null without one), ' +
        'outbox (is_leader, waiting, oldest_s, refused, fault; null without one), ' +
        'operations (at, open, indeterminate, needs_operator, failing, fault, policy_fault; null without governed writes), ' +
        'index_lag (records not yet in the index; null without one), ' +
        'verification (at, mode, size, result, grade, duration_ms, fault; null before the first).',
    },
  );

  app.get(
    '/healthz',
    {
      exposeHeadRoute: true,
      schema: {
        summary: 'The process answers',
        description:
          'For each ledger also how its checkpoints and anchors are doing. What fails there is no reason to stop sending records.',
        tags: ['health'],
        response: answers({ 200: answer('It does.', health) }),
      },
    },
    async (_request, reply) => {
      const now = parts.settings.clock();
      const ledgers = await Promise.all(
        [...parts.ledgers.values()].map(async (ledger) => {
          // At once, so that a store that keeps silent is waited for once.
          const [checkpoint, archive, outbox, index_lag] = await Promise.all([
            checkpointState(ledger, now),
            archiveState(parts.archives.get(ledger.name)),
            outboxState(parts.outboxes.get(ledger.name)),
            indexLag(ledger),
          ]);
          return {
            ledger: ledger.name,
            checkpoint,
            anchors: anchorStates(parts.anchors.get(ledger.name)),
            archive,
            outbox,
            operations: parts.governed.health(ledger.name),
            index_lag,
            verification: parts.verifications.last(ledger.name),
          };
        }),
      );
      // Recording goes on all the same: what happens now is evidence, too.
      const degraded = ledgers.some(({ verification }) => verification?.result === 'tampering');
      return reply.type(JSON_TYPE).send(JSON.stringify({ ok: true, degraded, ledgers }));
    },
  );

  app.get(
    '/readyz',
    {
      exposeHeadRoute: true,
      schema: {
        summary: 'Every ledger can be read, and the last append did not fail',
        tags: ['health'],
        response: answers({ 200: answer('Ready.', states), 503: answer('Not ready.', states) }),
      },
    },
    async (_request, reply) => {
      const ledgers = await Promise.all([...parts.ledgers.values()].map(stateOf));
      const ready = !parts.closing.aborted && ledgers.every((state) => state.ready);
      return reply
        .code(ready ? 200 : 503)
        .type(JSON_TYPE)
        .send(JSON.stringify({ ready, ledgers }));
    },
  );

  app.get(
    '/metrics',
    {
      config: parts.settings.metrics_access === 'open' ? {} : { scope: 'audit:read' },
      schema: {
        summary: 'Metrics for Prometheus',
        description: 'Needs a token with audit:read, unless the server was started with open metrics.',
        tags: ['health'],
        response: answers({ 200: answer('Metrics.', Type.String(), 'text/plain') }, 401, 403, 429),
      },
    },
    async (_request, reply) => reply.type(parts.metrics.content_type).send(await parts.metrics.text()),
  );
}

async function stateOf(ledger: Ledger): Promise<LedgerState> {
  const { fault, index_position } = ledger.stats;
  const head = await askSoon(ledger, () => ledger.head(), READY_WAIT_MS).then(
    (found) => ({ seq: found?.seq ?? -1, code: null }),
    (error: unknown) => ({ seq: null, code: String((error as { code?: unknown }).code ?? 'INTERNAL') }),
  );
  const code = fault?.code ?? head.code;
  const index_lag =
    index_position === null || head.seq === null ? null : Math.max(0, head.seq + 1 - index_position);
  return { ledger: ledger.name, ready: code === null, fault: code, head_seq: head.seq, index_lag };
}
