/**
 * Looks at the stream itself: are its settings still those that a ledger needs, and are all its messages there?
 *
 * Errors:  those of asking.
 */
import { IndelibleError } from '@indelible/core';
import type { StreamConfig, StreamInfo } from '@nats-io/jetstream';
import type { StoreFinding } from '../contract.ts';
import type { StreamAddress } from './address.ts';
import { missingGuarantees, missingMessages, missingReplicas, type Needs, subjectOf } from './settings.ts';
import type { StreamClient } from './stream.ts';

/** Repairs nothing. */
export async function inspect(stream: StreamClient, address: StreamAddress): Promise<StoreFinding[]> {
  const { config, state } = await stream.info();
  const findings = missingGuarantees(config, needsOf(address)).map(
    (detail): StoreFinding => ({ code: 'schema_altered', detail, damage: true }),
  );
  const gone = missingMessages(state);
  if (gone !== null) findings.push({ code: 'segment_missing', detail: gone, damage: true });
  return findings;
}

/**
 * Refuses a stream that fewer servers keep than the address says, also for reading. Nothing in a ledger says how many
 * they should be: when it is the address that is wrong, a verifier would call it damage.
 */
export async function checkReplicas(stream: StreamClient, { replicas }: StreamAddress): Promise<void> {
  const { config } = await stream.info();
  const missing = missingReplicas(config, replicas);
  if (missing !== null)
    throw new IndelibleError('STORE_UNSUITABLE', `${stream.connection.place}: ${missing}`);
}

/** Refuses a stream that would not keep what is appended, or has not kept what was. */
export function checkKeeps({ config, state }: StreamInfo, address: StreamAddress, place: string): void {
  const gone = missingMessages(state);
  if (gone !== null) throw new IndelibleError('LEDGER_DAMAGED', `${place}: ${gone}`);
  if (config.sealed === true) throw new IndelibleError('STORE_READ_ONLY', `${place}: the stream is sealed`);
  checkGuarantees(config, needsOf(address), place);
}

/** Refuses to write to a stream that is not fit for it, or where that is not permitted. */
export async function checkFit(stream: StreamClient, address: StreamAddress): Promise<void> {
  const { place } = stream.connection;
  checkKeeps(await stream.info(), address, place);
  const payload = await stream.payloadBytesMax(PAYLOAD_BYTES_LEAST);
  if (payload < PAYLOAD_BYTES_LEAST) {
    throw new IndelibleError(
      'STORE_UNSUITABLE',
      `${place}: max_payload of the server is too small by ${PAYLOAD_BYTES_LEAST - payload} bytes for the largest record`,
    );
  }
  await stream.checkPermission();
}

/** STORE_UNSUITABLE, naming every setting that is not as it must be. */
export function checkGuarantees(config: StreamConfig, needs: Needs, place: string): void {
  const missing = missingGuarantees(config, needs);
  if (missing.length > 0) throw new IndelibleError('STORE_UNSUITABLE', `${place}: ${missing.join('; ')}`);
}

function needsOf({ stream, replicas }: StreamAddress): Needs {
  return { subject: subjectOf(stream), replicas };
}

/** A line holds a record of the greatest size and its hash. */
const PAYLOAD_BYTES_LEAST = 65_535 + 100;
