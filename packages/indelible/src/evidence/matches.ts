/**
 * Whether one record matches a filter, decided from the record alone. `text` is left to the index.
 *
 * Pure:    no I/O.
 */
import type { Actor, LedgerRecord } from '@indelible/core';
import type { Filter } from '../stores/index/contract.ts';

export function matchesFilter(record: LedgerRecord, filter: Filter): boolean {
  const resources = [record.resource, ...(record.related_resources ?? [])].filter((one) => one !== undefined);
  return (
    (filter.actor === undefined || delegation(record.actor).some(({ id }) => id === filter.actor)) &&
    (filter.actor_type === undefined || record.actor.type === filter.actor_type) &&
    (filter.action === undefined || matchesAction(record.action, filter.action)) &&
    (filter.resource === undefined || resources.some(({ id }) => id === filter.resource)) &&
    (filter.resource_type === undefined || resources.some(({ type }) => type === filter.resource_type)) &&
    (filter.outcome === undefined || record.outcome === filter.outcome) &&
    (filter.correlation_id === undefined || record.correlation_id === filter.correlation_id) &&
    (filter.session === undefined || record.session?.id === filter.session) &&
    (filter.since === undefined || record.recorded_at >= filter.since) &&
    (filter.until === undefined || record.recorded_at < filter.until)
  );
}

/** The actor and everyone it acted on behalf of, nearest first. */
export function delegation(actor: Actor): Actor[] {
  const chain: Actor[] = [];
  for (let one: Actor | undefined = actor; one !== undefined; one = one.on_behalf_of) chain.push(one);
  return chain;
}

function matchesAction(action: string, wanted: string): boolean {
  return wanted.endsWith('*') ? action.startsWith(wanted.slice(0, -1)) : action === wanted;
}
