/**
 * A PostgreSQL server for a test file: started once, on a free port, its data in a folder of its own.
 *
 *     const server = await startPostgres();
 *     after(() => server.stop());
 *
 * The data folder that `initdb` makes is kept in node_modules/.cache and copied: that takes a tenth of the time. The
 * server ends with this process, whatever ends it.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-ports.ts';
import { accountForServer, majorVersion, postgresFolder } from './postgres-binaries.ts';
import { root } from './root.ts';

export { noPostgres } from './postgres-binaries.ts';

export interface PostgresOptions {
  /** Syncs to the disk as in earnest; otherwise only the operating system's memory keeps what was committed. */
  readonly fsync?: boolean;
  /** Settings of the server. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Segments of the log of the usual size: for measurements. */
  readonly usual_segments?: boolean;
  /** Where the data lies; default the system's folder for temporary files. */
  readonly folder?: string;
  /** The data that it starts from; default what `initdb` makes. */
  readonly copy_of?: string;
}

const READY = /database system is ready to accept/;
const START_TRIES = 3;
/** Waits for its standard input to end, which the death of this process brings about, too. */
const WATCH =
  'exec 3<&0; "$@" 3<&- & server=$!; (cat <&3; kill -QUIT $server) > /dev/null 2>&1 & wait $server';

export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const bin = postgresFolder();
  if (bin === null) throw new Error('PostgreSQL is not installed');
  const server = new PostgresServer(bin, options);
  await server.start();
  return server;
}

export class PostgresServer {
  readonly version: number;
  readonly #bin: string;
  readonly #options: PostgresOptions;
  readonly #folder: string;
  readonly #account = accountForServer();
  #child: ChildProcess | null = null;
  #port = 0;
  #settings: Readonly<Record<string, string>> = {};
  #log = '';

  constructor(bin: string, options: PostgresOptions) {
    this.#bin = bin;
    this.#options = options;
    this.version = majorVersion(bin);
    this.#folder = mkdtempSync(join(options.folder ?? tmpdir(), 'indelible-postgres-'));
    copyFolder(options.copy_of ?? this.#template(), this.#data);
    rmSync(join(this.#data, 'postmaster.pid'), { force: true });
    if (this.#account !== null) chownSync(this.#folder, this.#account.uid, this.#account.gid);
  }

  get port(): number {
    return this.#port;
  }

  /** What the server has written to its log. */
  get log(): string {
    return this.#log;
  }

  get #data(): string {
    return join(this.#folder, 'data');
  }

  /** The URL of a database for a role, by default the superuser. No role needs a password here. */
  url(database = 'postgres', user = 'postgres', port = this.#port): string {
    return `postgres://${encodeURIComponent(user)}@127.0.0.1:${port}/${database}`;
  }

  /** Starts, also again after `kill`, then on the same port. */
  async start(settings: Readonly<Record<string, string>> = {}): Promise<void> {
    this.#settings = { ...this.#settings, ...settings };
    for (let tries = 1; ; tries++) {
      const port = this.#port === 0 ? await freePort() : this.#port;
      const failure = await this.#tryStart(port);
      if (failure === null) {
        this.#port = port;
        return;
      }
      if (tries === START_TRIES) throw new Error(`PostgreSQL did not start: ${failure}`);
    }
  }

  async #tryStart(port: number): Promise<string | null> {
    const settings = {
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
      fsync: this.#options.fsync === true ? 'on' : 'off',
      max_connections: '120',
      shared_buffers: '32MB',
      ...(this.#options.usual_segments === true ? {} : { min_wal_size: '8MB' }),
      ...this.#options.settings,
      ...this.#settings,
      port: String(port),
    };
    const given = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const command = [join(this.#bin, 'postgres'), '-D', this.#data, ...given];
    const child = spawn('sh', ['-c', WATCH, 'sh', ...command], {
      cwd: this.#folder,
      stdio: ['pipe', 'ignore', 'pipe'],
      env: { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' },
      ...(this.#account ?? {}),
    });
    this.#child = child;
    child.stdin.on('error', () => {});
    let log = '';
    const ended = once(child, 'close');
    const ready = new Promise<void>((resolve) => {
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        this.#log += text;
        log += text;
        if (READY.test(log)) resolve();
      });
    });
    const outcome = await Promise.race([ready.then(() => null), ended.then(() => log.trim() || 'it ended')]);
    if (outcome !== null) this.#child = null;
    return outcome;
  }

  /**
   * A hot standby of this server, which must be stopped or killed: it starts from a copy of its data, and follows it
   * once it runs again.
   */
  async startStandby(): Promise<PostgresServer> {
    const standby = new PostgresServer(this.#bin, { ...this.#options, copy_of: this.#data });
    const signal = join(standby.#data, 'standby.signal');
    writeFileSync(signal, '');
    if (this.#account !== null) chownSync(signal, this.#account.uid, this.#account.gid);
    const follow = `host=127.0.0.1 port=${this.#port} user=postgres application_name=standby`;
    await standby.start({ primary_conninfo: follow, wal_retrieve_retry_interval: '50ms' });
    return standby;
  }

  /** SIGKILL for the postmaster and all that it started, as when the machine's memory runs out. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === null) return;
    const postmaster = Number(readFileSync(join(this.#data, 'postmaster.pid'), 'utf8').split('\n')[0]);
    const ended = once(child, 'close');
    for (const pid of [postmaster, ...childrenOf(postmaster)]) killQuietly(pid);
    child.stdin?.end();
    await ended;
    this.#child = null;
  }

  /** Ends it properly, and moves its data to `folder`, for others to start from a copy of it. */
  async keepAs(folder: string): Promise<void> {
    const ended = once(this.#child!, 'close');
    process.kill(Number(readFileSync(join(this.#data, 'postmaster.pid'), 'utf8').split('\n')[0]), 'SIGINT');
    await ended;
    this.#child = null;
    keepFolder(this.#data, folder);
    await this.stop();
  }

  /** Ends it at once and removes its data. Idempotent. */
  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child !== null) {
      const ended = once(child, 'close');
      child.stdin?.end();
      await ended;
    }
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }

  /** A data folder as `initdb` leaves it. */
  #template(): string {
    const template = templateFolder(this.#bin, this.#options.usual_segments === true ? '-usual' : '');
    if (existsSync(template)) return template;
    const folder = mkdtempSync(join(tmpdir(), 'indelible-initdb-'));
    const { uid, gid } = this.#account ?? {};
    if (uid !== undefined && gid !== undefined) chownSync(folder, uid, gid);
    const data = join(folder, 'data');
    const { status, stderr } = spawnSync(
      join(this.#bin, 'initdb'),
      [
        ...['-D', data, '-U', 'postgres', '--auth=trust', '--no-sync', '--encoding=UTF8'],
        // Not C, where there is a choice: what depends on the order of text must show.
        ...(this.version < 15
          ? ['--locale=C']
          : ['--locale=C', '--locale-provider=icu', '--icu-locale=en-US']),
        ...(this.#options.usual_segments === true ? [] : ['--wal-segsize=1']),
      ],
      {
        cwd: folder,
        encoding: 'utf8',
        env: { PATH: process.env.PATH, LC_ALL: 'C' },
        ...(this.#account ?? {}),
      },
    );
    if (status !== 0) throw new Error(`initdb failed: ${stderr}`);
    keepFolder(data, template);
    rmSync(folder, { recursive: true });
    return template;
  }
}

/** Where data folders of a kind are kept, to be copied. */
function templateFolder(bin: string, kind: string): string {
  const whose = accountForServer()?.uid ?? 'own';
  return join(root, 'node_modules/.cache/indelible-postgres', `${majorVersion(bin)}-${whose}${kind}`);
}

/**
 * A data folder that `make` has filled, for `copy_of`. `digest` says what it was filled with: those that were filled
 * otherwise are removed.
 */
export async function filledTemplate(
  kind: string,
  digest: string,
  make: (server: PostgresServer) => Promise<void>,
): Promise<string> {
  const prefix = templateFolder(postgresFolder()!, `-${kind}-`);
  const folder = `${prefix}${digest}`;
  if (existsSync(folder)) return folder;
  const server = await startPostgres();
  try {
    await make(server);
    await server.keepAs(folder);
  } catch (error) {
    await server.stop();
    throw error;
  }
  for (const other of globSync(`${prefix}*`))
    if (!other.startsWith(folder)) rmSync(other, { recursive: true, force: true });
  return folder;
}

/** Moves a data folder to where others look for it, all at once. */
function keepFolder(data: string, folder: string): void {
  mkdirSync(join(folder, '..'), { recursive: true });
  const own = `${folder}.${process.pid}`;
  copyFolder(data, own);
  try {
    renameSync(own, folder);
  } catch {
    // Another test file was quicker.
    rmSync(own, { recursive: true });
  }
}

/** With owners and modes, which Node's own copying leaves out. */
function copyFolder(from: string, to: string): void {
  if (spawnSync('cp', ['-a', from, to]).status === 0) return;
  cpSync(from, to, { recursive: true });
  chmodSync(to, 0o700);
}

/** Backends lead groups of their own, so that only their parent tells whose they are. */
function childrenOf(parent: number): number[] {
  if (!existsSync('/proc/self/stat')) return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
        return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === parent;
      } catch {
        // It has just ended.
        return false;
      }
    });
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has just ended.
  }
}
