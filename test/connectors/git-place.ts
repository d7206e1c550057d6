/** A bare repository for the Git connector's cases. */
import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { openGitConnector } from '../../packages/indelible/src/connectors/git/connector.ts';
import { type ConfiguredPlace, operation, pick, temporaryFolder } from './support.ts';

/** False, or why there is no Git here. */
export const noGit = spawnSync('git', ['--version']).status === 0 ? false : 'git is not installed';
if (noGit !== false && process.env.CI === 'true') throw new Error(noGit);

const FIRST = `blob
mark :1
data 4
one

commit refs/heads/main
committer A <a@example.org> 1700000000 +0000
data 5
first
M 100644 :1 README.md
M 100755 :1 bin/run
M 100644 :1 etc/a

`;

export async function gitPlace(undo: 'commit' | 'ref'): Promise<ConfiguredPlace> {
  const folder = temporaryFolder();
  const repository = join(folder.path, 'config.git');
  const git = (args: readonly string[], input = '') =>
    execFileSync('git', args, {
      cwd: repository,
      input,
      encoding: 'utf8',
      stdio: ['pipe', 'pipe', 'ignore'],
    }).trim();
  execFileSync('git', ['init', '--quiet', '--bare', '--initial-branch=main', repository]);
  git(['fast-import', '--quiet'], FIRST);
  const commit = (...files: { path: string; content?: string; delete?: true }[]) =>
    operation('commit', { branch: 'main', message: 'a change', files });
  let foreign = 0;
  const config = {
    repository,
    branches: ['main', 'absent'],
    author: { name: 'Indelible', email: 'indelible@example.org' },
    undo,
    max_bytes: 1000,
  };
  return {
    id: 'config',
    configuration: { kind: 'git', ...config },
    open: () => openGitConnector('config', config),
    digest: async () => git(['ls-tree', '-r', 'refs/heads/main']),
    samples: [
      commit(
        { path: 'README.md', content: 'one\ntwo\n' },
        { path: 'new/deep/ä', content: 'x' },
        { path: 'etc/a', delete: true },
      ),
    ],
    too_large: [commit({ path: 'big', content: 'x'.repeat(1001) })],
    random: (choose) => {
      const path = pick(choose, ['README.md', 'bin/run', 'etc/a', 'etc', 'new']);
      return choose(3) === 0
        ? commit({ path, delete: true })
        : commit({ path, content: pick(choose, ['', 'one\n', 'two\n']) });
    },
    disturb: async () => {
      const stream = `commit refs/heads/main
committer B <b@example.org> 1700000001 +0000
data 7
foreign
from refs/heads/main^0
M 100644 inline foreign
data 2
${foreign++}

`;
      git(['fast-import', '--quiet'], stream);
    },
    remove: folder.remove,
  };
}
