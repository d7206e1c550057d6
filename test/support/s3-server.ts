/**
 * A real S3 server with Object Lock: a Ceph RADOS gateway of one node on loopback. It is up in some two seconds; what
 * takes most of a minute by default are pauses between decisions that a cluster of one has no use for.
 *
 * Debian: apt-get install --no-install-recommends radosgw ceph-mon ceph-osd ceph-common
 */
import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePorts } from './free-ports.ts';

const run = promisify(execFile);
const PROGRAMS = ['radosgw', 'radosgw-admin', 'ceph-mon', 'ceph-osd', 'ceph', 'ceph-authtool', 'monmaptool'];
const PATIENCE_MS = 60_000;

/** Why the server cannot be started, or false. In CI it must be there. */
export function noS3Server(): string | false {
  const missing = PROGRAMS.filter((name) => spawnSync(name, ['--version']).error !== undefined);
  if (missing.length === 0) return false;
  if (process.env.CI === 'true') throw new Error(`missing for tests of S3: ${missing.join(', ')}`);
  return `not installed: ${missing.join(', ')}`;
}

export interface S3Credentials {
  readonly AWS_ACCESS_KEY_ID: string;
  readonly AWS_SECRET_ACCESS_KEY: string;
}

export interface S3TestServer {
  readonly endpoint: string;
  /** Of the user that makes the buckets, and of one that may do nothing. */
  readonly owner: S3Credentials;
  readonly stranger: S3Credentials;
  stop(): void;
}

/** Starts a server of one's own. */
export async function startS3Server(): Promise<S3TestServer> {
  const folder = mkdtempSync(join(tmpdir(), 'indelible-s3-'));
  const started: ChildProcess[] = [];
  const stop = (): void => {
    for (const child of started.reverse()) child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    const [v2, v1, port] = await freePorts(3);
    const endpoint = `http://127.0.0.1:${port}`;
    const fsid = randomUUID();
    configure(folder, { fsid, monitor: `[v2:127.0.0.1:${v2},v1:127.0.0.1:${v1}]`, port: port! });
    const ceph = (program: string, args: readonly string[]) =>
      run(program, args, { cwd: folder, timeout: PATIENCE_MS });
    const daemon = (program: string, args: readonly string[]): void => {
      // Whatever becomes of the test, the daemons end with it.
      const whole = ['--pdeathsig', 'KILL', program, '-c', 'ceph.conf', ...args];
      started.push(spawn('setpriv', whole, { cwd: folder, stdio: 'ignore' }));
    };
    await ceph('monmaptool', [
      '--create',
      '--fsid',
      fsid,
      '--addv',
      'a',
      `[v2:127.0.0.1:${v2},v1:127.0.0.1:${v1}]`,
      'monmap',
    ]);
    await ceph('ceph-authtool', [
      '--create-keyring',
      'keyring',
      '--gen-key',
      '-n',
      'mon.',
      '--cap',
      'mon',
      'allow *',
    ]);
    for (const name of ['client.admin', 'osd.0', 'client.rgw']) {
      const all = ['mon', 'osd', 'mgr'].flatMap((kind) => ['--cap', kind, 'allow *']);
      await ceph('ceph-authtool', ['keyring', '--gen-key', '-n', name, ...all]);
    }
    const keyring = ['--keyring', 'keyring'];
    await ceph('ceph-mon', ['-c', 'ceph.conf', '--mkfs', '-i', 'a', '--monmap', 'monmap', ...keyring]);
    daemon('ceph-mon', ['-i', 'a', '-f']);
    const osd = randomUUID();
    await ceph('ceph', ['-c', 'ceph.conf', 'osd', 'new', osd]);
    await ceph('ceph-osd', ['-c', 'ceph.conf', '-i', '0', '--mkfs', '--osd-uuid', osd, ...keyring]);
    daemon('ceph-osd', ['-i', '0', '-f']);
    daemon('radosgw', ['-n', 'client.rgw', '-f']);
    await answers(endpoint, started.at(-1)!);
    const user = async (name: string): Promise<S3Credentials> => {
      const credentials = { AWS_ACCESS_KEY_ID: `AK${name}`, AWS_SECRET_ACCESS_KEY: `SK${randomUUID()}` };
      await ceph('radosgw-admin', [
        ...[
          '-c',
          'ceph.conf',
          '-n',
          'client.rgw',
          'user',
          'create',
          `--uid=${name}`,
          `--display-name=${name}`,
        ],
        ...[
          `--access-key=${credentials.AWS_ACCESS_KEY_ID}`,
          `--secret-key=${credentials.AWS_SECRET_ACCESS_KEY}`,
        ],
      ]);
      return credentials;
    };
    const [owner, stranger] = await Promise.all([user('owner'), user('stranger')]);
    return { endpoint, owner, stranger, stop };
  } catch (error) {
    stop();
    throw error;
  }
}

function configure(
  folder: string,
  { fsid, monitor, port }: { readonly fsid: string; readonly monitor: string; readonly port: number },
): void {
  for (const name of ['mon', 'osd', 'mgr', 'rgw']) mkdirSync(join(folder, name));
  const settings = {
    fsid,
    'mon host': monitor,
    'auth cluster required': 'cephx',
    'auth service required': 'cephx',
    'auth client required': 'cephx',
    'public addr': '127.0.0.1',
    'cluster addr': '127.0.0.1',
    'osd pool default size': 1,
    'osd pool default min size': 1,
    'osd pool default pg num': 1,
    'osd pool default pgp num': 1,
    'osd pool default pg autoscale mode': 'off',
    'osd crush chooseleaf type': 0,
    'mon allow pool size one': true,
    'mon max pg per osd': 1000,
    'mon data avail crit': 1,
    // A cluster of one need not wait for anybody before it decides.
    'paxos propose interval': 0.02,
    'paxos min wait': 0.01,
    'mon tick interval': 1,
    'mon data': join(folder, 'mon'),
    'osd data': join(folder, 'osd'),
    'mgr data': join(folder, 'mgr'),
    'osd objectstore': 'memstore',
    'memstore device bytes': 2 ** 31,
    'log file': join(folder, '$name.log'),
    'admin socket': join(folder, '$name.asok'),
    'pid file': join(folder, '$name.pid'),
    'run dir': folder,
    keyring: join(folder, 'keyring'),
    'rgw data': join(folder, 'rgw'),
    // Without the last option each answer with a body takes 40 ms more.
    'rgw frontends': `beast endpoint=127.0.0.1:${port} tcp_nodelay=1`,
    'rgw zone': 'default',
    'rgw enable usage log': false,
    'rgw thread pool size': 64,
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}\n`);
  writeFileSync(join(folder, 'ceph.conf'), `[global]\n${lines.join('')}`);
}

/** Resolves when something answers at the address. */
async function answers(url: string, child: ChildProcess): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  for (;;) {
    const status = await fetch(url).then(
      (answer) => answer.status,
      () => 0,
    );
    if (status > 0) return;
    if (child.exitCode !== null || performance.now() > end) throw new Error('the S3 server did not start');
    await setTimeout(20);
  }
}
