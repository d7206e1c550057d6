/**
 * The settings that make a stream fit for a ledger: nothing in it is ever dropped, deleted, purged or rewritten.
 *
 * The server refuses to unset deny_delete and deny_purge. It does not refuse to lower a limit, which drops the oldest
 * messages, nor to delete the stream: the counts show the first, an empty stream the second.
 *
 * Pure:    no I/O.
 */
import type { StreamConfig, StreamState } from '@nats-io/jetstream';

const NANOSECONDS = 1e9;
/** Within it the server knows a message again by its id; nothing here depends on that (appender.ts). */
const DUPLICATE_WINDOW_S = 120;

/** The one subject of a stream. */
export function subjectOf(stream: string): string {
  return `indelible.${stream}`;
}

/** Where writers say that they have appended; not stored. */
export function signalSubjectOf(stream: string): string {
  return `indelible.${stream}.appended`;
}

/** What a new stream is made with. */
export function settingsFor(stream: string, replicas: number): Partial<StreamConfig> & { name: string } {
  return {
    name: stream,
    description: 'A ledger of Indelible: docs/format/store-jetstream.md',
    subjects: [subjectOf(stream)],
    storage: 'file',
    retention: 'limits',
    discard: 'new',
    num_replicas: replicas,
    max_msgs: -1,
    max_msgs_per_subject: -1,
    max_bytes: -1,
    max_age: 0,
    max_msg_size: -1,
    max_consumers: -1,
    deny_delete: true,
    deny_purge: true,
    allow_rollup_hdrs: false,
    // Reading is from the leader alone (stream.ts).
    allow_direct: false,
    no_ack: false,
    duplicate_window: DUPLICATE_WINDOW_S * NANOSECONDS,
  };
}

/** What a stream must have. */
export interface Needs {
  /** The one that it keeps, and no other. */
  readonly subject: string;
  readonly replicas: number;
  /** An attachment that no record refers to may be purged where an administrator wants that; a record never. */
  readonly purgeable?: boolean;
}

/** What is needed and these settings do not give, in words; nothing when all is well. */
export function missingGuarantees(config: StreamConfig, needs: Needs): string[] {
  const { subject, replicas, purgeable = false } = needs;
  const limits = ['max_msgs', 'max_msgs_per_subject', 'max_bytes', 'max_msg_size'] as const;
  const subjects = config.subjects ?? [];
  const problems: [boolean, string][] = [
    [
      config.storage !== 'file',
      `storage is ${config.storage}: messages would be gone with the servers' memory`,
    ],
    [config.num_replicas < replicas, tooFew(config.num_replicas, replicas)],
    [config.deny_delete !== true, 'deny_delete is not set: messages can be deleted'],
    [config.deny_purge !== true && !purgeable, 'deny_purge is not set: the stream can be purged'],
    ...limits.map((name): [boolean, string] => [
      // Servers before 2.9 leave a limit out that is not set.
      (config[name] ?? -1) > 0,
      `${name} is ${config[name]}: at that limit messages are dropped or refused`,
    ]),
    [(config.max_age ?? 0) !== 0, `max_age is ${config.max_age} ns: old messages are dropped`],
    [config.retention !== 'limits', `retention is ${config.retention}: messages that were read are dropped`],
    [config.no_ack === true, 'no_ack is set: nobody would learn what became durable'],
    [config.allow_rollup_hdrs === true, 'allow_rollup_hdrs is set: one message can replace all others'],
    [config.allow_msg_ttl === true, 'allow_msg_ttl is set: a message can name the time of its deletion'],
    [
      config.persist_mode === 'async',
      'persist_mode is async: messages are acknowledged before they are written',
    ],
    [config.mirror !== undefined, 'it is a mirror of another stream'],
    [(config.sources?.length ?? 0) > 0, 'it takes messages from other streams (sources)'],
    [config.subject_transform !== undefined, 'subject_transform is set: messages arrive by other names'],
    [
      subjects.length !== 1 || subjects[0] !== subject,
      `its subjects are ${subjects.slice(0, 5).join(', ')}, not ${subject} alone`,
    ],
  ];
  return problems.flatMap(([missing, words]) => (missing ? [words] : []));
}

/** Why a stream that fewer servers keep than the ledger's URL says is not the one it means; null when enough do. */
export function missingReplicas({ num_replicas }: StreamConfig, replicas: number): string | null {
  return num_replicas < replicas ? tooFew(num_replicas, replicas) : null;
}

function tooFew(there: number, wanted: number): string {
  const enough = there < 3 ? 1 : 3;
  return `num_replicas is ${there}, not ${wanted}: too few servers keep each message (if no more are meant: ?replicas=${enough})`;
}

/** What the counts say about messages that are no longer there; null when none is missing. */
export function missingMessages(state: StreamState): string | null {
  const { messages, first_seq, last_seq } = state;
  if (last_seq === 0) return null;
  if (messages === 0) return `all ${last_seq} messages are gone`;
  if (first_seq > 1) return `messages 1 to ${first_seq - 1} are gone: the stream begins with ${first_seq}`;
  const missing = last_seq - first_seq + 1 - messages;
  if (missing > 0) return `${missing} of ${last_seq} messages are gone`;
  const lost = state.lost?.msgs?.length ?? 0;
  return lost > 0 ? `the server lost ${lost} of ${last_seq} messages to damage on its disk` : null;
}
