/**
 * COPY … TO STDOUT in binary form: the driver turns every other value into a string, which for lines would cost more
 * than all the rest of reading.
 *
 * Source:  https://www.postgresql.org/docs/current/sql-copy.html (binary format). A row is one message, the first one
 *          with the header before it.
 */
import { IndelibleError } from '@indelible/core';
import type { Client } from 'pg';
import { loadDriver } from './driver.ts';

/** Signature, flags, length of the extension, which there is none of. */
const HEADER_BYTES = 19;

/** The fields of the one row that the statement gives; null where a field is. Each has memory of its own. */
export async function copyRow(client: Client, text: string): Promise<(Uint8Array | null)[]> {
  const { Query } = await loadDriver();
  return new Promise((resolve, reject) => {
    let fields: (Uint8Array | null)[] | null = null;
    const done = (error: unknown): void => {
      if (error) reject(error);
      else if (fields === null) reject(new IndelibleError('INTERNAL', 'COPY gave no row'));
      else resolve(fields);
    };
    const query = new Query({ text } as never, undefined, done as never);
    const handleCopyData = ({ chunk }: { chunk: Buffer }): void => {
      // Behind the row comes a trailer.
      fields ??= fieldsOf(chunk);
    };
    client.query(Object.assign(query, { handleCopyData }));
  });
}

/** Copies: the driver uses the message's memory again. */
function fieldsOf(message: Buffer): (Uint8Array | null)[] {
  let at = HEADER_BYTES + 2;
  return Array.from({ length: message.readInt16BE(HEADER_BYTES) }, () => {
    const length = message.readInt32BE(at);
    at += 4 + Math.max(0, length);
    return length < 0 ? null : new Uint8Array(message.subarray(at - length, at));
  });
}
