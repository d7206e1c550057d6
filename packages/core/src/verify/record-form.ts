/**
 * Whether canonical bytes are a record of version 1: its members alone, each of the form that it must have.
 *
 * A record that no reader takes would keep everybody from reading the log, and yet have the right hash and links.
 *
 * Shapes:  what the scanner found must be of these bytes.
 * Source:  docs/format/record.md.
 * Pure:    no I/O.
 */
import type { CanonicalScanner } from '../json/scan.ts';
import { LIMITS } from '../record/limits.ts';
import { isUsualHex, isUsualId, isUsualLine, isUsualParty, isUsualTime } from './usual-values.ts';
import {
  amount,
  type Form,
  line,
  list,
  literal,
  NONE,
  notZero,
  object,
  oneOf,
  short,
  template,
  text,
  word,
} from './value-forms.ts';

const FIRST_OF_NAME = /[A-Za-z0-9]/;
const MEDIA_TYPE = /^[a-z0-9][a-z0-9!#$&^_.+-]{0,62}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,62}$/;
const TIME = /^(\d{4}-\d\d-(\d\d))T\d\d:\d\d:\d\d(?:\.\d{1,9})?Z$/;

/** A time that exists: what the 30th of February is moved to is another day. */
function isTime(content: string): boolean {
  const [, date, day] = TIME.exec(content) ?? [];
  const time = Date.parse(content);
  if (date === undefined || Number.isNaN(time)) return false;
  return day! <= '28' || new Date(time).toISOString().startsWith(date);
}

const named = { id: line(LIMITS.identifier), 'name?': line(LIMITS.name) };
const type = line(LIMITS.actor_type);
const resource = object({ ...named, type });

/** An actor that may stand for another so many times. */
function actor(delegations: number): Form {
  if (delegations === 0) return resource;
  return object({ ...named, 'on_behalf_of?': actor(delegations - 1), type });
}

const attachmentSize: Form = (bytes, at) => {
  const end = amount(bytes, at);
  const size = end === NONE ? Number.NaN : Number(String.fromCharCode(...bytes.subarray(at, end)));
  return Number.isSafeInteger(size) && size <= LIMITS.attachment_bytes ? end : NONE;
};

const digest = template('#'.repeat(64));
const ledgerName: Form = (bytes, at) =>
  FIRST_OF_NAME.test(String.fromCharCode(bytes[at + 1]!)) ? nameRest(bytes, at) : NONE;
const nameRest = word(LIMITS.ledger_name, '._~:/@-');

/** In the order of their names, as records have them. No form: the chain looks at it, or it may be anything. */
const MEMBERS = [
  required('action', line(LIMITS.action)),
  required('actor', actor(LIMITS.delegation_depth)),
  optional(
    'attachment',
    object({
      digest: template(`sha-256:${'#'.repeat(64)}`),
      media_type: short(127, (content) => MEDIA_TYPE.test(content)),
      size: attachmentSize,
    }),
  ),
  required('correlation_id', notZero(template('#'.repeat(32)))),
  optional('cost_usd', amount),
  optional('data', null),
  optional('event_type', line(LIMITS.event_type)),
  required('id', template('########-####-7###-*###-############')),
  optional('idempotency', object({ digest, key: line(LIMITS.idempotency_key) })),
  optional('input_ref', line(LIMITS.reference)),
  optional('key_id', word(LIMITS.key_id, '._-')),
  optional('latency_ms', amount),
  required('ledger', ledgerName),
  optional('message', text(LIMITS.message)),
  optional('occurred_at', short(30, isTime)),
  required('outcome', oneOf(...['"ok"', '"error"', '"denied"', '"pending"'].map(literal))),
  optional('output_ref', line(LIMITS.reference)),
  optional('params_hash', digest),
  required('prev_hash', null),
  required('recorded_at', template('0000-00-00T00:00:00.000Z')),
  optional('related_resources', list(resource, LIMITS.related_resources)),
  optional('resource', resource),
  required('seq', null),
  optional(
    'session',
    object({
      'agent_id?': line(LIMITS.identifier),
      'agent_type?': type,
      'id?': line(LIMITS.identifier),
      'lineage?': list(line(LIMITS.identifier), LIMITS.lineage),
    }),
  ),
  optional('source', line(LIMITS.source)),
  optional('span_id', notZero(template('#'.repeat(16)))),
  required('v', literal('1')),
];
const placeOf = (wanted: string): number => MEMBERS.findIndex(({ name }) => name === wanted);
const ACTION = placeOf('action');
const ACTOR = placeOf('actor');
const ATTACHMENT = placeOf('attachment');
const CORRELATION_ID = placeOf('correlation_id');
const DATA = placeOf('data');
const ID = placeOf('id');
const LEDGER = placeOf('ledger');
const OUTCOME = placeOf('outcome');
const RECORDED_AT = placeOf('recorded_at');
const RESOURCE = placeOf('resource');

/** Four bytes of a name, as it stands there with its quotes and the colon, and where they are. */
interface Piece {
  readonly at: number;
  readonly word: number;
}

/** What covers a name, the last piece perhaps some of it twice: comparing bytes would take most of the time. */
function piecesOf(name: string): Piece[] {
  const { buffer, byteLength } = new TextEncoder().encode(`"${name}":`);
  const starts = Array.from({ length: Math.ceil(byteLength / 4) }, (_, i) => Math.min(4 * i, byteLength - 4));
  return starts.map((at) => ({ at, word: new DataView(buffer).getInt32(at) }));
}

const PIECES = MEMBERS.map(({ name }) => piecesOf(name));
const PIECE_AT = Uint8Array.from(PIECES.flat(), ({ at }) => at);
const PIECE_WORD = Int32Array.from(PIECES.flat(), ({ word }) => word);
/** Where the pieces of each name begin, and behind them where the last ones end. */
const FIRST_PIECE = Uint8Array.from(
  [...MEMBERS.keys(), MEMBERS.length],
  (i) => PIECES.slice(0, i).flat().length,
);
const NAME_LENGTHS = Uint8Array.from(MEMBERS, ({ name }) => name.length);
const MUST_BE = Uint8Array.from(MEMBERS, ({ must_be }) => (must_be ? 1 : 0));
const COUNT = MEMBERS.length;

interface Member {
  readonly name: string;
  readonly form: Form | null;
  readonly must_be: boolean;
}

function required(name: string, form: Form | null): Member {
  return { name, form, must_be: true };
}

function optional(name: string, form: Form | null): Member {
  return { name, form, must_be: false };
}

/** Where the members of a record are that the chain needs. */
export const PLACE = {
  ...{ action: ACTION, attachment: ATTACHMENT, key_id: placeOf('key_id'), ledger: LEDGER },
  ...{ prev_hash: placeOf('prev_hash'), recorded_at: RECORDED_AT, seq: placeOf('seq') },
} as const;
const ABSENT = -1;

/** Tells records, one after the other: nearly all are of the ledger of the one before. */
export class RecordForm {
  /** By place, which of the scanned members it is, or ABSENT. */
  readonly #found = new Int8Array(COUNT);
  /** The ledger's name, with its quotes, as it was accepted last. */
  #ledger: DataView = new DataView(new ArrayBuffer(0));

  /** Whether the object that was scanned last, and is canonical, is a record. `view` is of the same bytes. */
  fits(bytes: Uint8Array, view: DataView, scanned: CanonicalScanner): boolean {
    const { members, key_start, key_end, value_start, value_end } = scanned;
    if (members > COUNT) return false;
    this.#found.fill(ABSENT);
    let place = 0;
    for (let i = 0; i < members; i++) {
      const start = key_start[i]!;
      const length = key_end[i]! - start;
      while (NAME_LENGTHS[place] !== length || !isName(place, view, start))
        if (place >= COUNT || MUST_BE[place++] === 1) return false;
      const begin = value_start[i]!;
      const end = value_end[i]!;
      if (!this.#isUsual(place, bytes, view, begin, end)) {
        const { form } = MEMBERS[place]!;
        if (form !== null && form(bytes, begin) !== end) return false;
        if (place === LEDGER) this.#ledger = copyOf(bytes, begin, end);
      }
      this.#found[place] = i;
      place++;
    }
    return place === COUNT && (this.#found[ATTACHMENT] === ABSENT || this.#found[DATA] === ABSENT);
  }

  /** Which of the scanned members the one of this place is, or -1; of a record that fits. */
  memberAt(place: number): number {
    return this.#found[place]!;
  }

  /** Whether the value is surely of the form of this member. */
  #isUsual(place: number, bytes: Uint8Array, view: DataView, begin: number, end: number): boolean {
    switch (place) {
      case ACTION:
        return isUsualLine(bytes, view, begin, end, LIMITS.action);
      case ACTOR:
        return isUsualParty(bytes, view, begin, end, true);
      case CORRELATION_ID:
        return isUsualHex(view, begin, end, 32);
      case ID:
        return isUsualId(bytes, view, begin, end);
      case LEDGER:
        return this.#isLedger(view, begin, end);
      case OUTCOME:
        return end - begin === 4 && bytes[begin + 1] === 0x6f && bytes[begin + 2] === 0x6b;
      case RECORDED_AT:
        return isUsualTime(view, begin, end);
      case RESOURCE:
        return isUsualParty(bytes, view, begin, end, false);
      default:
        return false;
    }
  }

  #isLedger(view: DataView, begin: number, end: number): boolean {
    const known = this.#ledger;
    const length = known.byteLength;
    if (end - begin !== length || length < 4) return false;
    for (let at = 0; at < length - 4; at += 4)
      if (view.getInt32(begin + at) !== known.getInt32(at)) return false;
    return view.getInt32(end - 4) === known.getInt32(length - 4);
  }
}

function copyOf(bytes: Uint8Array, begin: number, end: number): DataView {
  return new DataView(bytes.slice(begin, end).buffer);
}

function isName(place: number, view: DataView, start: number): boolean {
  const end = FIRST_PIECE[place + 1]!;
  for (let i = FIRST_PIECE[place]!; i < end; i++)
    if (view.getInt32(start - 1 + PIECE_AT[i]!) !== PIECE_WORD[i]) return false;
  return true;
}
