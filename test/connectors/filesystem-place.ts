/** A folder of files for the filesystem connector's cases. */
import { createHash } from 'node:crypto';
import { chmodSync, globSync, lstatSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openFilesystemConnector } from '../../packages/indelible/src/connectors/filesystem/connector.ts';
import { type ConfiguredPlace, operation, pick, sha256, temporaryFolder } from './support.ts';

const PATHS = ['app.conf', 'etc/a', 'etc/b', 'etc/deep/c', 'new'];
const CONTENTS = ['', 'one\n', 'one\ntwo\n', 'ä€\u{1f600}', 'no newline'];
const MODES = ['0644', '0600', '0755'];

export async function filesystemPlace(): Promise<ConfiguredPlace> {
  const folder = temporaryFolder();
  const root = join(folder.path, 'root');
  mkdirSync(join(root, 'etc/deep'), { recursive: true });
  writeFileSync(join(root, 'app.conf'), 'port = 80\nhost = a\n', { mode: 0o640 });
  writeFileSync(join(root, 'etc/a'), Uint8Array.of(0, 1, 2, 255), { mode: 0o600 });
  const config = { root, max_bytes: 4096 };
  return {
    id: 'etc',
    configuration: { kind: 'filesystem', ...config },
    open: () => openFilesystemConnector('etc', config),
    digest: async () => digestOfFolder(root),
    samples: [
      operation('write', { path: 'app.conf', content: 'port = 8080\nhost = a\n' }),
      operation('write', { path: 'etc/new', content_base64: 'AAH/', mode: '0755' }),
      operation('delete', { path: 'etc/a' }),
      operation('move', { from: 'app.conf', to: 'etc/deep/moved.conf' }),
      operation('chmod', { path: 'app.conf', mode: '0600' }),
    ],
    too_large: [operation('write', { path: 'new', content: 'x'.repeat(4097) })],
    random: (choose) => {
      const path = pick(choose, PATHS);
      switch (choose(5)) {
        case 0:
        case 1:
          return operation('write', {
            path,
            content: pick(choose, CONTENTS),
            ...(choose(2) === 0 ? {} : { mode: pick(choose, MODES) }),
          });
        case 2:
          return operation('delete', { path });
        case 3:
          return operation('move', { from: path, to: pick(choose, PATHS) });
        default:
          return operation('chmod', { path, mode: pick(choose, MODES) });
      }
    },
    disturb: async (plan) => {
      const path = join(root, plan.targets[0]!.resource.id.slice('etc:'.length));
      writeFileSync(path, 'somebody else was here');
      chmodSync(path, 0o666);
    },
    remove: folder.remove,
  };
}

/** Names, content, modes and owners; not what the connector keeps beside them. */
function digestOfFolder(root: string): string {
  const files = globSync('**/*', { cwd: root, exclude: (name) => name.includes('.indelible') }).sort();
  return sha256(
    files.map((file) => {
      const { mode, uid, gid } = lstatSync(join(root, file));
      const content = lstatSync(join(root, file)).isFile() ? readFileSync(join(root, file)) : null;
      return [file, mode, uid, gid, content && createHash('sha256').update(content).digest('hex')];
    }),
  );
}
