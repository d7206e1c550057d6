/**
 * Who acts, in which run: carried along asynchronous calls, so that no function has to pass it on.
 *
 * Concurrent requests never see each other's context: each `run` has its own, whatever they await.
 *
 * Source:  W3C Trace Context level 2 for `traceparent`.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { randomBytes } from 'node:crypto';
import type { Actor, Session } from '@indelible/core';
import { freezeActor } from './actors.ts';
import { newCorrelationId } from './identity.ts';

/** What every event recorded inside takes on, unless it says otherwise. */
export interface RecordContext {
  readonly actor?: Actor;
  /** 32 lower-case hex digits. */
  readonly correlation_id?: string;
  /** 16 lower-case hex digits: the span that called us. */
  readonly span_id?: string;
  readonly session?: Session;
}

const storage = new AsyncLocalStorage<RecordContext>();

/** Runs `work` in a context: what is given replaces the surrounding context's members, the rest is inherited. */
export function withContext<T>(context: RecordContext, work: () => T): T {
  const outer = storage.getStore();
  const given = { ...outer, ...defined(context) };
  const inner = given.correlation_id === undefined ? { ...given, correlation_id: newCorrelationId() } : given;
  return storage.run(inner.actor === undefined ? inner : { ...inner, actor: freezeActor(inner.actor) }, work);
}

/** Runs `work` in the surrounding context without its run: each event inside gets a correlation id of its own. */
export function withoutRun<T>(work: () => T): T {
  const { correlation_id: _run, span_id: _span, ...rest } = currentContext();
  return storage.run(rest, work);
}

/** The context here, or an empty one. */
export function currentContext(): RecordContext {
  return storage.getStore() ?? EMPTY;
}

/** The actor, now acting on behalf of another: who delegated is kept with every record. */
export function onBehalfOf(actor: Actor, delegator: Actor): Actor {
  return { ...actor, on_behalf_of: delegator };
}

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?$/;

/** The context that an inbound `traceparent` header gives; empty when it is absent or malformed, as the standard asks. */
export function contextFromTraceparent(header: string | undefined): RecordContext {
  const match = TRACEPARENT.exec(header ?? '');
  if (match === null) return EMPTY;
  const [, version, trace_id, parent_id, rest] = match;
  const allZero = /^0+$/;
  if (version === 'ff' || (version === '00' && rest !== undefined)) return EMPTY;
  if (allZero.test(trace_id!) || allZero.test(parent_id!)) return EMPTY;
  return { correlation_id: trace_id!, span_id: parent_id! };
}

/** A `traceparent` for a call downstream: this context's correlation id, a new span id, sampled. */
export function traceparent(context: RecordContext = currentContext()): string {
  const span_id = randomBytes(8).toString('hex');
  return `00-${context.correlation_id ?? newCorrelationId()}-${span_id}-01`;
}

const EMPTY: RecordContext = Object.freeze({});

function defined(context: RecordContext): RecordContext {
  return Object.fromEntries(Object.entries(context).filter(([, value]) => value !== undefined));
}
