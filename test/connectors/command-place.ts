/** A file that small programs change, for the command connector's cases. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openCommandConnector } from '../../packages/indelible/src/connectors/command/connector.ts';
import { type ConfiguredPlace, operation, pick, temporaryFolder } from './support.ts';

export const COMMAND_SECRETS = { TOKEN: 'command-secret-77aa', 'host/pin': 'pin-3390' };
const NAME = { type: 'string', pattern: '^[a-z-]{1,400}$' };
const params = {
  type: 'object',
  additionalProperties: false,
  required: ['level'],
  properties: { level: NAME },
};
const check = ['cat', 'level'];

const COMMANDS = {
  'set-level': {
    summary: 'Sets the level.',
    params: { ...params, properties: { level: NAME, pin: { type: 'string', writeOnly: true } } },
    target: 'level',
    run: ['sh', '-c', 'test -n "$PIN" && printf %s "$1" > level && echo "by $TOKEN $PIN"', 'sh', '{level}'],
    env: { PIN: 'pin' },
    check,
    inverse: ['sh', '-c', 'cat > level'],
  },
  append: {
    summary: 'Appends to the level, for good.',
    params,
    target: 'level',
    run: ['sh', '-c', 'printf %s "$1" >> level', 'sh', '{level}'],
    check,
  },
  plain: { summary: 'A level as an argument.', params, target: 'level', run: ['touch', '{level}'], check },
};

const set = (level: string) => operation('set-level', { level, pin: { $secret: 'host/pin' } });

export async function commandPlace(): Promise<ConfiguredPlace> {
  const folder = temporaryFolder();
  const level = join(folder.path, 'level');
  writeFileSync(level, 'low');
  const config = {
    ...{ folder: folder.path, commands: COMMANDS },
    ...{ secret_env: { TOKEN: 'TOKEN' }, max_bytes: 200 },
  };
  return {
    id: 'host',
    configuration: { kind: 'command', ...config },
    secret_values: COMMAND_SECRETS,
    open: () => openCommandConnector('host', config),
    digest: async () => readFileSync(level, 'utf8'),
    samples: [set('high'), operation('append', { level: 'high' }), operation('plain', { level: 'high' })],
    too_large: [set('x'.repeat(300))],
    random: (choose) => {
      const level = pick(choose, ['low', 'high', 'off']);
      return choose(2) === 0 ? set(level) : operation('append', { level });
    },
    disturb: async () => writeFileSync(level, 'foreign'),
    secrets: Object.values(COMMAND_SECRETS),
    remove: folder.remove,
  };
}
