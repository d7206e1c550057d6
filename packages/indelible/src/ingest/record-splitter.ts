/**
 * Streams the elements of one array of a JSON document, `{"Records":[…]}`, in constant memory.
 *
 * The elements are delimited by scanning and then parsed one by one, so a malformed element costs only itself.
 * When brackets or quotes are unbalanced, reading goes on where the next record begins (opening.ts).
 *
 * For a document that is well-formed throughout, the values are exactly those of JSON.parse, and there are no
 * faults; any other document has at least one fault.
 *
 * Errors:  the parser's JSON_ errors for elements; RECORD_TOO_LARGE for elements over the bound; IMPORT_SOURCE with
 *          a byte offset when the document around the elements is broken, and for a source that ends early.
 *          Offsets count bytes of the decompressed source.
 */
import { IndelibleError, type Json } from '@indelible/core';
import type { ByteWindow } from './byte-window.ts';
import { ENTRY_BYTES_MAX, type ImportFault } from './contract.ts';
import * as reader from './document-reader.ts';
import { findOpening, OPENING_BYTES_MAX } from './opening.ts';

export interface SplitOptions {
  /** The member whose array is split. */
  readonly member: string;
  /** The key that records usually begin with; the first key of the last good record is tried as well. */
  readonly opening: string;
}

export interface Element {
  readonly position: string;
  readonly value: Json;
  /** Its size in the document. */
  readonly bytes: number;
}

/** Restarts in one document before it is given up: each may cost another scan of ENTRY_BYTES_MAX. */
const RESTARTS_MAX = 1000;
/** Names beside the array that are compared with each other. */
const NAMES_MAX = 1000;

/** The structure ends here: read on where a record begins, if one does. Thrown and caught in this file only. */
class Broken {
  readonly reason: string;
  readonly in_element: boolean;
  constructor(reason: string, in_element = false) {
    this.reason = reason;
    this.in_element = in_element;
  }
}

type Items = AsyncGenerator<Element | ImportFault, void>;

export class RecordSplitter {
  readonly #window: ByteWindow;
  readonly #options: SplitOptions;
  #learned: string;
  #count = 0;
  #restarts = 0;
  #found = false;

  constructor(window: ByteWindow, options: SplitOptions) {
    this.#window = window;
    this.#options = options;
    this.#learned = options.opening;
  }

  /** All elements and faults, in the order of the document. */
  async *split(): Items {
    let part = this.#document();
    for (;;) {
      try {
        yield* part;
        break;
      } catch (broken) {
        if (!(broken instanceof Broken)) throw broken;
        // A source that failed explains whatever seems wrong; it is reported below, once.
        if (this.#window.failure !== null) break;
        const fault = await this.#recover(broken);
        yield fault.item;
        if (!fault.goes_on) return;
        part = this.#remainder();
      }
    }
    const failure = this.#window.failure;
    if (failure !== null) yield { position: this.#position(this.#found), error: failure };
  }

  async *#document(): Items {
    const window = this.#window;
    await window.skipByteOrderMark();
    const first = await reader.peek(window);
    if (first === reader.END) throw new Broken('the source is empty');
    if (first !== reader.OPEN_BRACE) throw new Broken('a JSON object must begin here');
    window.drop(1);
    const names = new Set<string>();
    for (;;) {
      if (names.size === 0 && (await reader.peek(window)) === reader.CLOSE_BRACE) break;
      const name = await reader.readName(window);
      if (name === null) throw new Broken('a member name must stand here');
      if (names.has(name))
        yield this.#fault('JSON_DUPLICATE_KEY', `the document names "${name}" twice`, false);
      if (names.size < NAMES_MAX) names.add(name);
      if ((await reader.peek(window)) !== reader.COLON) throw new Broken('a colon must stand here');
      window.drop(1);
      if (name === this.#options.member) yield* this.#array();
      else yield* this.#otherValue(name);
      const delimiter = await reader.peek(window);
      if (delimiter === reader.CLOSE_BRACE) break;
      if (delimiter !== reader.COMMA) throw new Broken('a comma or the end of the document must stand here');
      window.drop(1);
    }
    window.drop(1);
    if ((await reader.peek(window)) !== reader.END) throw new Broken('the document ends before this');
    if (!this.#found)
      yield this.#fault('IMPORT_SOURCE', `the document has no array "${this.#options.member}"`, false);
  }

  async *#array(): Items {
    if ((await reader.peek(this.#window)) !== reader.OPEN_BRACKET) {
      throw new Broken(`"${this.#options.member}" must be an array`);
    }
    this.#found = true;
    this.#window.drop(1);
    if ((await reader.peek(this.#window)) === reader.CLOSE_BRACKET) this.#window.drop(1);
    else yield* this.#elements();
  }

  /** A member beside the array: checked unless it is large, then ignored. */
  async *#otherValue(name: string): Items {
    const value = await reader.delimitValue(this.#window);
    if (value.status === 'end') {
      const [, error] = reader.tryParse(this.#window.bytes.subarray(0, value.length));
      if (error !== null) yield this.#fault(error.code, `the member "${name}": ${error.message}`, false);
      this.#window.drop(value.length);
    } else if ((await reader.skipValue(this.#window, value.scanner)) !== 'end') {
      throw new Broken('brackets do not match here');
    }
  }

  /** From the first byte of an element to just past the end of the array. */
  async *#elements(): Items {
    const window = this.#window;
    for (;;) {
      await reader.peek(window);
      const start = window.offset;
      const value = await reader.delimitValue(window);
      const raw = window.bytes.subarray(0, value.length);
      const whole = value.status === 'end' && value.delimiter !== reader.CLOSE_BRACE;
      const [json, error] = whole ? reader.tryParse(raw) : [null, null];
      if (whole && error === null) {
        yield this.#element(json, raw.length);
      } else {
        if (value.status === 'more' && window.failure !== null) throw new Broken('the source failed');
        // Numbers too fine or keys named twice are no sign that the record's end was misjudged.
        const next = error === null || error.code === 'JSON_INVALID' ? this.#opening(raw, 1) : -1;
        if (next !== -1) {
          yield* this.#apart(raw.subarray(0, next), start);
          continue;
        }
        if (error !== null) {
          yield this.#fault(error.code, `the record at byte ${start}: ${error.message}`, true);
        } else if (value.status === 'large') {
          const reason = `the record at byte ${start} has more than ${ENTRY_BYTES_MAX} bytes`;
          yield this.#fault('RECORD_TOO_LARGE', reason, true);
          if ((await reader.skipValue(window, value.scanner)) !== 'end')
            throw new Broken('brackets do not match here');
          if ((await reader.peek(window)) === reader.CLOSE_BRACE)
            throw new Broken('brackets do not match here');
          if (window.bytes[0] === reader.CLOSE_BRACKET) return window.drop(1);
          window.drop(1);
          continue;
        } else {
          window.drop(value.length);
          const cut = value.status === 'more';
          throw new Broken(
            `the record at byte ${start} ${cut ? 'is cut short' : 'has brackets that do not match'}`,
            true,
          );
        }
      }
      window.drop(value.length + 1);
      if (value.delimiter === reader.CLOSE_BRACKET) return;
    }
  }

  /** A record that runs into the next one: good if only the comma is missing. */
  async *#apart(raw: Uint8Array, start: number): Items {
    if (++this.#restarts > RESTARTS_MAX) throw new Broken('too many records are broken');
    const [json, error] = reader.tryParse(raw);
    if (error === null) {
      yield this.#element(json, raw.length);
      this.#window.drop(raw.length);
      yield this.#fault('JSON_INVALID', `a comma is missing at byte ${this.#window.offset}`, false);
    } else {
      this.#window.drop(raw.length);
      const reason = `the record at byte ${start} does not end before the next one begins at byte ${this.#window.offset}`;
      yield this.#fault('JSON_INVALID', reason, true);
    }
  }

  /** Reads on inside the array of a document that is known to be broken. */
  async *#remainder(): Items {
    this.#found = true;
    yield* this.#elements();
    for (
      let byte = await reader.peek(this.#window);
      byte !== reader.END;
      byte = await reader.peek(this.#window)
    ) {
      if (byte !== reader.CLOSE_BRACE && byte !== reader.CLOSE_BRACKET)
        throw new Broken('the document ends before this');
      this.#window.drop(1);
    }
  }

  /** The fault for a broken place, with the window moved to the next record, if there is one. */
  async #recover(broken: Broken): Promise<{ item: ImportFault; goes_on: boolean }> {
    const window = this.#window;
    const at = window.offset;
    const item = (rest: string) =>
      this.#fault(
        broken.in_element ? 'JSON_INVALID' : 'IMPORT_SOURCE',
        `${broken.reason} (byte ${at}); ${rest}`,
        broken.in_element,
        at,
      );
    if (++this.#restarts > RESTARTS_MAX)
      return { item: item('given up, too much is broken'), goes_on: false };
    for (;;) {
      const next = this.#opening(window.bytes, 0);
      if (next !== -1) {
        window.drop(next);
        return { item: item(`reading goes on at byte ${window.offset}`), goes_on: true };
      }
      window.drop(Math.max(0, window.length - OPENING_BYTES_MAX));
      if (!(await window.more())) break;
    }
    return { item: item('nothing behind it could be read'), goes_on: false };
  }

  #opening(bytes: Uint8Array, from: number): number {
    return findOpening(bytes, from, new Set([this.#options.opening, this.#learned]));
  }

  #element(value: Json, bytes: number): Element {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      this.#learned = Object.keys(value)[0] ?? this.#learned;
    }
    const position = this.#position(true);
    this.#count++;
    return { position, value, bytes };
  }

  /** `in_element`: the fault is the next element's, which is then counted. */
  #fault(
    code: IndelibleError['code'],
    message: string,
    in_element: boolean,
    byte = this.#window.offset,
  ): ImportFault {
    const position = in_element ? this.#position(true) : `byte ${byte}`;
    if (in_element) this.#count++;
    return { position, error: new IndelibleError(code, message, { details: { byte } }) };
  }

  #position(in_element: boolean): string {
    return in_element ? `${this.#options.member}[${this.#count}]` : `byte ${this.#window.offset}`;
  }
}
