/**
 * The NATS client: an optional dependency, loaded when a stream is opened.
 *
 * Errors:  DRIVER_MISSING.
 */
import { IndelibleError } from '@indelible/core';

export type Transport = typeof import('@nats-io/transport-node');
export type JetStream = typeof import('@nats-io/jetstream');

export interface Driver {
  readonly transport: Transport;
  readonly jetstream: JetStream;
}

export async function loadDriver(): Promise<Driver> {
  try {
    const [transport, jetstream] = await Promise.all([
      import('@nats-io/transport-node'),
      import('@nats-io/jetstream'),
    ]);
    return { transport, jetstream };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new IndelibleError(
      'DRIVER_MISSING',
      'nats:// needs two packages: npm install @nats-io/transport-node @nats-io/jetstream',
      { cause: error },
    );
  }
}
