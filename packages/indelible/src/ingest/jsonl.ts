/**
 * JSON Lines, plain or gzipped: one event a line, or one record a line as our own exports write them.
 *
 *   {"action":"user.login",…}      an event, exactly as `record` takes it; unknown members are refused
 *   {"hash":"…","record":{…}}      a record of another ledger (adopted-record.ts)
 *   {"attachment":"sha-256:…",…}   a part of the attachment of the record behind it (attachment-parts.ts)
 *
 * An event without an idempotency key gets one from its line: `jsonl:<sha256 of the line>:<n>`, n counting the equal
 * lines before it in the same source. So a file imported twice adds nothing, a file that has grown adds what is new,
 * and two equal lines in one file are two events. Equal lines in two files count as one event: give events an
 * idempotency key or a time to tell them apart. The counting costs about 24 bytes a line.
 *
 * Blank lines are skipped, and so, with a remark, is the line that ends an export. Positions are `line 7`.
 */
import {
  type Attachment,
  checkEvent,
  type Event,
  IndelibleError,
  type Json,
  sha256Hex,
} from '@indelible/core';
import { isPartLine } from '../attachments/part-lines.ts';
import { adoptRecord, isRecordLine } from './adopted-record.ts';
import { AttachmentParts } from './attachment-parts.ts';
import { ByteWindow } from './byte-window.ts';
import type { Importer, ImportItem } from './contract.ts';
import { exportEnd } from './export-end.ts';
import { toItem } from './import-item.ts';
import { isObject, member, parseJsonBytes } from './json-bytes.ts';
import { LineCounter } from './line-counter.ts';
import { type Line, splitLines } from './lines.ts';
import { skipSpace } from './opening.ts';

/** `import jsonl FILE…` */
export const jsonLinesImporter: Importer = {
  format: 'jsonl',
  async *read(source) {
    const window = new ByteWindow(source.bytes);
    const counter = new LineCounter();
    const parts = new AttachmentParts();
    let since_end = 0;
    try {
      for await (const line of splitLines(window)) {
        if ('error' in line) {
          since_end++;
          yield line;
        } else if (isPartLine(line.bytes)) {
          yield* partItems(line, parts);
        } else if (skipSpace(line.bytes, 0) < line.bytes.length) {
          const { position, bytes } = line;
          let remark: string | null = null;
          let lacks: Attachment | null = null;
          let attached = 0;
          const item = toItem(position, bytes.length, () => {
            const value = parseJsonBytes(bytes);
            remark = exportEnd(value, since_end);
            if (!isRecordLine(value)) return eventOf(value, bytes, counter);
            const adopted = adoptRecord(value, (attachment) => {
              const found = parts.take(attachment);
              attached = found?.length ?? 0;
              return found;
            });
            lacks = adopted.lacks;
            return adopted.event;
          });
          if (remark === null) yield 'event' in item ? { ...item, bytes: item.bytes + attached } : item;
          else yield { position, remark };
          if (lacks !== null) yield { position, remark: lacksText(lacks) };
          since_end = remark === null ? since_end + 1 : 0;
        }
      }
    } finally {
      await window.close();
    }
  },
};

/** A part is no entry; only what is wrong with it is worth a word. */
function* partItems({ position, bytes }: Line, parts: AttachmentParts): Generator<ImportItem> {
  try {
    const remark = parts.add(parseJsonBytes(bytes));
    if (remark !== null) yield { position, remark };
  } catch (error) {
    if (!(error instanceof IndelibleError)) throw error;
    yield { position, error };
  }
}

function lacksText({ digest }: Attachment): string {
  return `its attachment ${digest} is not in the file: adopted with the reference alone`;
}

function eventOf(value: Json, bytes: Uint8Array, counter: LineCounter): Event {
  if (!isObject(value) || member(value, 'action') === undefined) {
    const message = 'is not an event: an event is an object with an "action", e.g. {"action":"user.login"}';
    throw new IndelibleError('EVENT_INVALID', message, { details: { member: 'action' } });
  }
  const event = checkEvent(value);
  if (event.idempotency_key !== undefined) return event;
  const digest = sha256Hex(bytes);
  return { ...event, idempotency_key: `jsonl:${digest}:${counter.seen(digest)}` };
}
