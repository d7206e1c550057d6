/**
 * A real LDAP directory for a test file: OpenLDAP's slapd on loopback, its data in a folder of its own.
 *
 * Debian: apt-get install --no-install-recommends slapd
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { Client } from 'ldapts';
import { freePort } from './free-ports.ts';

const SLAPD = '/usr/sbin/slapd';
const START_MS_MAX = 20_000;

export const SUFFIX = 'dc=example,dc=org';
export const ADMIN = `cn=admin,${SUFFIX}`;
export const ADMIN_PASSWORD = 'slapd-admin-7f3e';

/** Why the server cannot be started, or false. In CI it must be there. */
export function noSlapd(): string | false {
  if (existsSync(SLAPD)) return false;
  if (process.env.CI === 'true') throw new Error('missing for tests of LDAP: slapd');
  return 'slapd is not installed';
}

export interface Slapd {
  readonly url: string;
  /** As the administrator; whoever gets one unbinds it. */
  client(): Promise<Client>;
  stop(): Promise<void>;
}

/** With `tls`, clients must begin with StartTLS; paths of PEM files. */
export async function startSlapd(
  options: { readonly tls?: { readonly certificate: string; readonly key: string } } = {},
): Promise<Slapd> {
  const folder = mkdtempSync(join(tmpdir(), 'indelible-slapd-'));
  const port = await freePort();
  const url = `ldap://127.0.0.1:${port}`;
  const schemas = ['core', 'cosine', 'nis', 'inetorgperson'];
  const { tls } = options;
  mkdirSync(join(folder, 'data'));
  writeFileSync(
    join(folder, 'slapd.conf'),
    [
      ...schemas.map((name) => `include /etc/ldap/schema/${name}.schema`),
      'modulepath /usr/lib/ldap',
      'moduleload back_mdb',
      ...(tls === undefined
        ? []
        : [
            `TLSCertificateFile ${tls.certificate}`,
            `TLSCertificateKeyFile ${tls.key}`,
            'security simple_bind=128',
          ]),
      'database mdb',
      `suffix "${SUFFIX}"`,
      `rootdn "${ADMIN}"`,
      `rootpw ${ADMIN_PASSWORD}`,
      `directory ${join(folder, 'data')}`,
      'maxsize 67108864',
      'dbnosync',
      'access to attrs=userPassword by anonymous auth by * none',
      'access to * by * read',
      '',
    ].join('\n'),
  );
  // Whatever becomes of the test, the server ends with it.
  const args = ['--pdeathsig', 'KILL', SLAPD, '-f', join(folder, 'slapd.conf'), '-h', url, '-d', '0'];
  const child = spawn('setpriv', args, { cwd: folder, stdio: 'ignore' });
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      const ended = once(child, 'close');
      child.kill('SIGKILL');
      await ended;
    }
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    await listening(port, child);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    url,
    stop,
    client: async () => {
      const client = new Client({ url });
      await client.bind(ADMIN, ADMIN_PASSWORD);
      return client;
    },
  };
}

async function listening(port: number, child: ChildProcess): Promise<void> {
  const end = performance.now() + START_MS_MAX;
  for (;;) {
    const socket = connect(port, '127.0.0.1');
    const open = await Promise.race([
      once(socket, 'connect').then(
        () => true,
        () => false,
      ),
    ]);
    socket.destroy();
    if (open) return;
    if (child.exitCode !== null || performance.now() > end) throw new Error('slapd did not start');
    await setTimeout(10);
  }
}
