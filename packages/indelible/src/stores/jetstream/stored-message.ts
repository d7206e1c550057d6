/**
 * Answers of the JetStream API to the question for one message: JSON with headers and payload in base64.
 */
import type { Driver } from './driver.ts';
import { type Headers, parseMessage, type StreamMessage } from './message.ts';

interface Answer {
  readonly error?: { readonly code: number; readonly err_code: number; readonly description: string };
  readonly message?: { readonly seq: number; readonly hdrs?: string; readonly data?: string };
}

/** A message as it is stored, whoever wrote it. */
export interface RawMessage {
  readonly seq: number;
  /** None when there are none that can be read. */
  readonly headers: Headers | undefined;
  readonly bytes: Uint8Array;
}

/** The message of a ledger in an answer. Raises the refusal that an answer may be instead. */
export function storedMessage(driver: Driver, answer: Uint8Array): StreamMessage {
  const { seq, headers, bytes } = rawMessage(driver, answer);
  return parseMessage(seq, headers, bytes);
}

/** The message in an answer. Raises the refusal that an answer may be instead. */
export function rawMessage({ transport, jetstream }: Driver, answer: Uint8Array): RawMessage {
  // Everything but the description of an error is ASCII.
  const { error, message } = JSON.parse(
    Buffer.from(answer.buffer, answer.byteOffset, answer.length).toString('latin1'),
  ) as Answer;
  if (error !== undefined) throw new jetstream.JetStreamApiError(error);
  const { seq, hdrs = '', data = '' } = message!;
  return { seq, headers: headersIn(transport, hdrs), bytes: Buffer.from(data, 'base64') };
}

/** Servers store headers as they come, also such as no client can read: then nothing of ours is in them. */
function headersIn({ MsgHdrsImpl }: Driver['transport'], base64: string): Headers | undefined {
  if (base64 === '') return undefined;
  try {
    return MsgHdrsImpl.decode(Buffer.from(base64, 'base64'));
  } catch {
    return undefined;
  }
}
