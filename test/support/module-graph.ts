/**
 * The modules that a browser would load, following package `exports` and `imports` with a browser's conditions.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { importsOf } from './imports.ts';

export interface ModuleGraph {
  /** Absolute paths of all modules reached. */
  readonly files: ReadonlySet<string>;
  /** What an import map must say: bare specifier → absolute path. */
  readonly bare: ReadonlyMap<string, string>;
  /** Specifiers that no browser can load, with the file that names them. */
  readonly unreachable: readonly { readonly specifier: string; readonly file: string }[];
}

const CONDITIONS = new Set(['browser', 'import', 'module', 'default']);

/** Follows every static and dynamic import from `entry`, a built JavaScript file. */
export function browserGraph(entry: string): ModuleGraph {
  const files = new Set<string>();
  const bare = new Map<string, string>();
  const unreachable: { specifier: string; file: string }[] = [];
  const queue = [resolve(entry)];
  for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
    if (files.has(file)) continue;
    files.add(file);
    for (const { specifier } of importsOf(readFileSync(file, 'utf8'))) {
      const target = resolveFor(specifier, file);
      if (target === null) unreachable.push({ specifier, file });
      else {
        if (!specifier.startsWith('.')) bare.set(specifier, target);
        queue.push(target);
      }
    }
  }
  return { files, bare, unreachable };
}

function resolveFor(specifier: string, file: string): string | null {
  if (specifier.startsWith('node:') || specifier === 'computed') return null;
  if (specifier.startsWith('.')) return existing(resolve(dirname(file), specifier));
  if (specifier.startsWith('#')) {
    const home = packageFolder(dirname(file));
    const target = pick(manifest(home).imports?.[specifier]);
    return target === null ? null : existing(join(home, target));
  }
  const parts = specifier.split('/');
  const name = parts.slice(0, specifier.startsWith('@') ? 2 : 1).join('/');
  const home = installedFolder(name, dirname(file));
  if (home === null) return null;
  const target = pick(manifest(home).exports?.[`.${specifier.slice(name.length)}`]);
  return target === null ? null : existing(join(home, target));
}

type Target = string | { readonly [condition: string]: Target } | undefined;

function pick(target: Target): string | null {
  if (typeof target === 'string') return target;
  for (const [condition, inner] of Object.entries(target ?? {})) {
    const picked = CONDITIONS.has(condition) ? pick(inner) : null;
    if (picked !== null) return picked;
  }
  return null;
}

function manifest(folder: string): { imports?: Record<string, Target>; exports?: Record<string, Target> } {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
}

function packageFolder(folder: string): string {
  return existsSync(join(folder, 'package.json')) ? folder : packageFolder(dirname(folder));
}

function installedFolder(name: string, folder: string): string | null {
  const candidate = join(folder, 'node_modules', name);
  if (existsSync(candidate)) return candidate;
  return folder === dirname(folder) ? null : installedFolder(name, dirname(folder));
}

function existing(path: string): string | null {
  return existsSync(path) ? path : null;
}
