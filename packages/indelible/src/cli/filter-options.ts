/**
 * The filters that `log` and `export` share, from options to a checked filter.
 */
import type { Command } from 'commander';
import { parseFilter } from '../evidence/filter.ts';
import type { Filter } from '../stores/index/contract.ts';

export interface FilterOptions {
  readonly actor?: string;
  readonly actorType?: string;
  readonly action?: string;
  readonly resource?: string;
  readonly resourceType?: string;
  readonly outcome?: string;
  readonly correlationId?: string;
  readonly session?: string;
  readonly since?: string;
  readonly until?: string;
  readonly text?: string;
}

export function addFilterOptions(command: Command): Command {
  return command
    .option('--actor <id>', 'who acted, or on whose behalf')
    .option('--actor-type <type>', 'e.g. user, service, agent, local')
    .option('--action <action>', 'exact, or a prefix with a trailing *')
    .option('--resource <id>', 'what was acted upon')
    .option('--resource-type <type>', 'the type of what was acted upon')
    .option('--outcome <outcome>', 'ok, error, denied or pending')
    .option('--correlation-id <id>', 'one run')
    .option('--session <id>', 'one session')
    .option('--since <time>', 'recorded at or after: RFC 3339, a date, or an age such as 24h or 7d')
    .option('--until <time>', 'recorded before')
    .option('--text <words>', 'words that all appear somewhere in the record');
}

/** Raises QUERY_INVALID naming the filter that is wrong. */
export function filterOf(options: FilterOptions, now: number = Date.now()): Filter {
  const {
    actor,
    actorType,
    action,
    resource,
    resourceType,
    outcome,
    correlationId,
    session,
    since,
    until,
    text,
  } = options;
  const input = {
    actor,
    actor_type: actorType,
    action,
    resource,
    resource_type: resourceType,
    outcome,
    correlation_id: correlationId,
    session,
    since,
    until,
    text,
  };
  return parseFilter(input, now);
}
