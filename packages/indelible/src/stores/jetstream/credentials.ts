/**
 * Who we are to the servers, from the environment, by the names that the `nats` command line uses:
 * NATS_CREDS (a file), NATS_NKEY (a file with a seed), NATS_USER and NATS_PASSWORD, NATS_TOKEN; and for TLS NATS_CA,
 * NATS_CERT and NATS_KEY (files).
 *
 * Errors:  STORE_UNAVAILABLE when a file cannot be read, naming the variable and never what is in it.
 */
import { readFile } from 'node:fs/promises';
import { IndelibleError } from '@indelible/core';
import type { Transport } from './driver.ts';

export type Environment = Readonly<Record<string, string | undefined>>;
type ConnectionOptions = NonNullable<Parameters<Transport['connect']>[0]>;

export async function connectionSecrets(
  env: Environment,
  transport: Transport,
  tls_required: boolean,
): Promise<ConnectionOptions> {
  const { NATS_USER: user, NATS_PASSWORD: pass, NATS_TOKEN: token } = env;
  const creds = await fileOf(env, 'NATS_CREDS');
  const nkey = await fileOf(env, 'NATS_NKEY');
  const [ca, cert, key] = await Promise.all(
    ['NATS_CA', 'NATS_CERT', 'NATS_KEY'].map(async (name) => (await fileOf(env, name))?.toString('utf8')),
  );
  const authenticator = [
    ...(creds === null ? [] : [transport.credsAuthenticator(creds)]),
    ...(nkey === null ? [] : [transport.nkeyAuthenticator(Buffer.from(nkey.toString('latin1').trim()))]),
  ];
  const files = {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
  return {
    ...(authenticator.length === 0 ? {} : { authenticator }),
    ...(given(user) ? { user } : {}),
    ...(given(user) && given(pass) ? { pass } : {}),
    ...(given(token) ? { token } : {}),
    // With any of these the driver refuses a server that offers no TLS.
    ...(tls_required || Object.keys(files).length > 0 ? { tls: files } : {}),
  };
}

async function fileOf(env: Environment, name: string): Promise<Buffer | null> {
  const path = env[name];
  if (!given(path)) return null;
  try {
    return await readFile(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new IndelibleError('STORE_UNAVAILABLE', `the file that ${name} names cannot be read (${code})`, {
      cause: error,
    });
  }
}

function given(value: string | undefined): value is string {
  return value !== undefined && value !== '';
}
