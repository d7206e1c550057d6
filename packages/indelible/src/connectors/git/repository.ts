/**
 * A Git repository through the program `git`: trees made without touching the repository, refs moved by comparison.
 *
 * Errors:  TARGET_NOT_FOUND, TARGET_REFUSED, CONNECTOR_UNAVAILABLE.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { IndelibleError } from '@indelible/core';
import { runProgram } from '../shared/program.ts';

/** A file of a commit; null: it is deleted. */
export interface FileChange {
  readonly path: string;
  readonly content: Uint8Array | null;
  readonly executable: boolean | null;
}

export interface Tip {
  readonly commit: string;
  readonly tree: string;
}

export interface NewCommit {
  readonly tree: string;
  readonly parent: string;
  readonly message: string;
  readonly author: { readonly name: string; readonly email: string };
}

const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;

export class Repository {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** What git says; null when it ends with another code than 0. */
  async #try(args: readonly string[], signal: AbortSignal, more: GitOptions = {}): Promise<string | null> {
    const { exit_code, stdout } = await runProgram(['git', ...args], {
      cwd: this.#folder,
      env: { ...cleanEnvironment(), ...more.env },
      ...(more.input === undefined ? {} : { input: more.input }),
      output_bytes_max: OUTPUT_BYTES_MAX,
      signal,
    });
    return exit_code === 0 ? Buffer.from(stdout).toString().trimEnd() : null;
  }

  async #run(args: readonly string[], signal: AbortSignal, more: GitOptions = {}): Promise<string> {
    const said = await this.#try(args, signal, more);
    if (said !== null) return said;
    throw new IndelibleError('CONNECTOR_UNAVAILABLE', `git ${args[0]} failed`);
  }

  /** null: there is no such branch. */
  async tip(ref: string, signal: AbortSignal): Promise<Tip | null> {
    const said = await this.#try(['log', '-1', '--format=%H %T', ref, '--'], signal);
    if (said === null) return null;
    const [commit = '', tree = ''] = said.split(' ');
    return { commit, tree };
  }

  treeOf(commit: string, signal: AbortSignal): Promise<string> {
    return this.#run(['rev-parse', '--verify', '--end-of-options', `${commit}^{tree}`], signal);
  }

  /** True when a working tree has the branch checked out: its files would not follow. */
  async isCheckedOut(ref: string, signal: AbortSignal): Promise<boolean> {
    const said = await this.#run(['worktree', 'list', '--porcelain'], signal);
    return said
      .split('\n\n')
      .some((tree) => tree.split('\n').includes(`branch ${ref}`) && !tree.split('\n').includes('bare'));
  }

  /**
   * Makes the tree of a commit with these changes, and hands it to `use`. With `keep` its objects go into the
   * repository, where nothing refers to them; otherwise they are gone afterwards.
   */
  async withTree<T>(
    base: string,
    changes: readonly FileChange[],
    keep: boolean,
    signal: AbortSignal,
    use: (tree: string, env: Record<string, string>) => Promise<T>,
  ): Promise<T> {
    const folder = await mkdtemp(join(tmpdir(), 'indelible-git-'));
    try {
      const env: Record<string, string> = { GIT_INDEX_FILE: join(folder, 'index') };
      if (!keep) {
        const objects = await this.#run(
          ['rev-parse', '--path-format=absolute', '--git-path', 'objects'],
          signal,
        );
        env.GIT_OBJECT_DIRECTORY = folder;
        env.GIT_ALTERNATE_OBJECT_DIRECTORIES = objects;
      }
      await this.#run(['read-tree', base], signal, { env });
      const listed = await this.#run(
        ['ls-files', '--stage', '-z', '--', ...changes.map(({ path }) => `:(literal)${path}`)],
        signal,
        { env },
      );
      const modes = new Map(
        listed
          .split('\0')
          .filter(Boolean)
          .map((line) => [line.slice(line.indexOf('\t') + 1), line.slice(0, 6)]),
      );
      const written: string[] = [];
      for (const [i, { content }] of changes.entries()) {
        if (content === null) continue;
        const file = join(folder, `content-${i}`);
        await writeFile(file, content);
        written.push(file);
      }
      const input = written.map((file) => `${file}\n`).join('');
      const ids =
        written.length === 0
          ? []
          : (
              await this.#run(['hash-object', '-w', '--no-filters', '--stdin-paths'], signal, { env, input })
            ).split('\n');
      let next = 0;
      const index = changes.map(({ path, content, executable }) => {
        const had = modes.get(path);
        if (content === null) {
          if (had === undefined)
            throw new IndelibleError('TARGET_NOT_FOUND', `the branch has no file ${path}`);
          return `0 ${'0'.repeat(base.length)}\t${path}\0`;
        }
        if (had !== undefined && !had.startsWith('100')) {
          throw new IndelibleError('TARGET_REFUSED', `${path} is a link or a submodule`);
        }
        const mode = executable === null ? (had ?? '100644') : executable ? '100755' : '100644';
        return `${mode} ${ids[next++]}\t${path}\0`;
      });
      const said = await this.#try(['update-index', '-z', '--index-info'], signal, {
        env,
        input: index.join(''),
      });
      const tree = said === null ? null : await this.#try(['write-tree'], signal, { env });
      if (tree === null) throw new IndelibleError('TARGET_REFUSED', 'git refuses these paths');
      return await use(tree, env);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  /** As a patch. `env` as `withTree` gives it, for trees that are not kept. */
  diff(from: string, to: string, signal: AbortSignal, env: Record<string, string> = {}): Promise<string> {
    const args = [
      'diff-tree',
      '-p',
      '-r',
      '--no-ext-diff',
      '--no-textconv',
      '--no-renames',
      '--no-color',
      from,
      to,
    ];
    return this.#run(args, signal, { env });
  }

  /** Whether there is such a tree, or a commit with its tree. */
  async has(tree: string, signal: AbortSignal): Promise<boolean> {
    return (await this.#try(['cat-file', '-e', `${tree}^{tree}`], signal)) !== null;
  }

  commit({ tree, parent, message, author }: NewCommit, signal: AbortSignal): Promise<string> {
    const env = {
      GIT_AUTHOR_NAME: author.name,
      GIT_AUTHOR_EMAIL: author.email,
      GIT_COMMITTER_NAME: author.name,
      GIT_COMMITTER_EMAIL: author.email,
    };
    return this.#run(['commit-tree', tree, '-p', parent, '-F', '-'], signal, { env, input: message });
  }

  /** Moves the branch from one commit to another, in one step; false when it is not there, or git would not. */
  async swap(ref: string, to: string, from: string, signal: AbortSignal): Promise<boolean> {
    return (await this.#try(['update-ref', '-m', 'indelible', ref, to, from], signal)) !== null;
  }

  /** The commit since `base` that has this line; `lost` when the branch no longer goes on from `base`. */
  async findSince(
    base: string,
    ref: string,
    line: string,
    signal: AbortSignal,
  ): Promise<string | null | 'lost'> {
    if ((await this.#try(['merge-base', '--is-ancestor', base, ref], signal)) === null) return 'lost';
    const args = ['log', '--format=%H', '--fixed-strings', `--grep=${line}`, `${base}..${ref}`];
    const [found = ''] = (await this.#run(args, signal)).split('\n');
    return found === '' ? null : found;
  }
}

interface GitOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
}

/** Without what would lead git to another repository, index or configuration. */
function cleanEnvironment(): Record<string, string> {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('GIT_'));
  return { ...(Object.fromEntries(kept) as Record<string, string>), LC_ALL: 'C', GIT_TERMINAL_PROMPT: '0' };
}
