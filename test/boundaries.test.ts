/**
 * The rooms of the code base and which may import which. A new folder needs a row here: that is the point.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Boundaries, type Room, violations } from './support/boundaries.ts';
import { importsOf, withoutComments } from './support/imports.ts';
import { root } from './support/root.ts';
import { packageSources } from './support/sources.ts';

const CORE_AND_NODE = ['@indelible/core', 'node:'];
const below = (folder: string): RegExp => new RegExp(`^indelible/src/${folder}/`);
/** One room for each file or folder in this folder. */
const each = (folder: string): RegExp => new RegExp(`^indelible/src/${folder}/([a-z0-9-]+)(?:/|\\.ts$)`);

/** Between the rooms of `indelible`, and what each may take from outside. */
const ROOMS: Readonly<Record<string, Room>> = {
  core: {
    files: /^core\/src\//,
    may: [],
    packages: ['@noble/hashes', '@noble/curves', '@noble/post-quantum', 'node:crypto', 'node:module'],
  },

  contracts: {
    files: /^indelible\/src\/stores\/(?:index\/)?contract\.ts$/,
    may: [],
    packages: ['@indelible/core'],
  },
  threads: {
    files: /^indelible\/src\/(?:threads|this-thread|thread-worker)\.[jt]s$/,
    may: [],
    packages: ['node:worker_threads'],
  },
  'private-file': { files: /^indelible\/src\/private-file\.ts$/, may: [], packages: ['node:fs'] },
  'sqlite-result': { files: /^indelible\/src\/sqlite-result\.ts$/, may: [], packages: [] },
  outbound: { files: /^indelible\/src\/outbound\.ts$/, may: [], packages: ['@indelible/core'] },
  // A bucket on an S3 server: for the store and the anchor in it, and for the connector.
  s3: {
    files: below('s3'),
    may: ['outbound'],
    packages: [...CORE_AND_NODE, '@aws-sdk/client-s3'],
  },
  'stores/*': {
    files: each('stores'),
    may: ['contracts', 'threads', 'private-file', 'sqlite-result', 'outbox-contract', 's3'],
    packages: [...CORE_AND_NODE, 'pg', '@nats-io/transport-node', '@nats-io/jetstream'],
  },
  'outbox-contract': {
    files: /^indelible\/src\/outbox\/contract\.ts$/,
    may: ['contracts'],
    packages: ['@indelible/core'],
  },
  // Seals what applications left in a database, in transactions of their own.
  outbox: {
    files: below('outbox'),
    may: ['outbox-contract', 'contracts', 'ledger'],
    packages: CORE_AND_NODE,
  },
  ledger: {
    files: below('ledger'),
    may: ['contracts', 'threads', 'attachments-contract', 'transparency-contract'],
    packages: CORE_AND_NODE,
  },
  evidence: {
    files: below('evidence'),
    may: ['contracts', 'ledger', 'attachments-contract'],
    packages: CORE_AND_NODE,
  },
  // Who may do what, told by records: tokens, scopes, the journal of reads.
  access: { files: below('access'), may: ['contracts', 'ledger'], packages: CORE_AND_NODE },
  // What outsiders can check: tree, checkpoints, proofs, keys that sign.
  'transparency-contract': {
    files: /^indelible\/src\/transparency\/contract\.ts$/,
    may: ['contracts'],
    packages: ['@indelible/core'],
  },
  // What a log's own records say about its signing keys: for whoever signs, and for whoever verifies.
  'signing-key-records': {
    files: /^indelible\/src\/transparency\/key-(?:records|chain)\.ts$/,
    may: ['ledger'],
    packages: ['@indelible/core'],
  },
  // From a stored log, what was signed and what is kept elsewhere to a graded verdict.
  verification: {
    files: below('verification'),
    may: ['contracts', 'ledger', 'transparency-contract', 'signing-key-records', 'anchors-contract'],
    packages: CORE_AND_NODE,
  },
  transparency: {
    files: below('transparency'),
    may: [
      'signing-key-records',
      'contracts',
      'ledger',
      'transparency-contract',
      'private-file',
      'sqlite-result',
    ],
    packages: CORE_AND_NODE,
  },
  'anchors-contract': {
    files: /^indelible\/src\/anchors\/contract\.ts$/,
    may: [],
    packages: ['@indelible/core'],
  },
  'anchors-shared': {
    files: below('anchors/shared'),
    may: ['anchors-contract'],
    packages: CORE_AND_NODE,
  },
  'anchors/*': {
    files: each('anchors'),
    may: ['anchors-contract', 'anchors-shared', 'private-file', 's3'],
    packages: [...CORE_AND_NODE, 'pkijs', 'asn1js'],
  },
  'connectors-contract': {
    files: /^indelible\/src\/connectors\/contract\.ts$/,
    may: [],
    packages: ['@indelible/core'],
  },
  'connectors-shared': {
    files: below('connectors/shared'),
    may: ['connectors-contract'],
    packages: [...CORE_AND_NODE, 'typebox'],
  },
  // One outside system each. They know neither ledgers nor operations.
  'connectors/*': {
    files: each('connectors'),
    may: ['connectors-contract', 'connectors-shared', 'outbound', 's3'],
    packages: [...CORE_AND_NODE, 'pg', 'ldapts', '@modelcontextprotocol/sdk'],
  },
  // What is allowed, under which approvals: Cedar.
  policy: {
    files: below('operations/policy'),
    may: ['connectors-contract'],
    packages: [...CORE_AND_NODE, '@cedar-policy/cedar-wasm'],
  },
  // Governed writes: lifecycle, approvals, execution, recovery, undo. It knows no connector and no store.
  operations: {
    files: below('operations'),
    may: ['policy', 'contracts', 'ledger', 'connectors-contract'],
    packages: CORE_AND_NODE,
  },
  // Cosigns other people's logs, and has our own cosigned.
  witness: {
    files: below('witness'),
    may: ['transparency-contract', 'private-file', 'outbound'],
    packages: CORE_AND_NODE,
  },
  // Follows a log from outside: knows it by URL and verifier key alone.
  monitor: { files: below('monitor'), may: ['private-file', 'outbound'], packages: CORE_AND_NODE },
  'attachments-contract': {
    files: /^indelible\/src\/attachments\/(?:contract|part-lines)\.ts$/,
    may: [],
    packages: ['@indelible/core'],
  },
  // In PostgreSQL they lie in the ledger's database, which its store knows how to reach.
  attachments: {
    files: below('attachments'),
    may: ['attachments-contract', 'private-file', 's3', 'stores/*'],
    packages: CORE_AND_NODE,
  },
  // Which ledgers there ought to be, kept apart from all of them.
  registry: { files: below('registry'), may: ['private-file'], packages: CORE_AND_NODE },
  'ingest-contract': { files: /^indelible\/src\/ingest\/contract\.ts$/, may: [], packages: CORE_AND_NODE },
  ingest: {
    files: below('ingest'),
    may: ['ingest-contract', 'attachments-contract'],
    packages: CORE_AND_NODE,
  },

  // From one store to another, byte for byte.
  moving: {
    files: below('moving'),
    may: ['contracts', 'ledger', 'attachments-contract', 'transparency', 'transparency-contract'],
    packages: CORE_AND_NODE,
  },

  // Brings a ledger and its anchors together.
  anchoring: {
    files: below('anchoring'),
    may: ['contracts', 'ledger', 'anchors/*', 'anchors-contract'],
    packages: ['@indelible/core'],
  },

  compose: {
    files: /^indelible\/src\/compose(?:\.ts$|\/)/,
    may: [
      ...['contracts', 'stores/*', 'ledger', 'access', 'attachments', 'attachments-contract'],
      ...['transparency', 'transparency-contract', 'anchors/*', 'anchors-contract', 'anchoring', 'witness'],
      ...['verification', 'moving'],
      ...['outbox', 'outbox-contract'],
      ...['connectors/*', 'connectors-contract', 'connectors-shared', 'operations', 'policy'],
    ],
    packages: [...CORE_AND_NODE, 'pino'],
  },
  http: {
    files: below('http'),
    may: [
      ...['contracts', 'ledger', 'evidence', 'ingest', 'ingest-contract', 'access', 'compose'],
      ...['transparency-contract', 'anchors-contract', 'verification', 'moving', 'outbox', 'outbox-contract'],
      ...['operations', 'policy', 'connectors-contract'],
    ],
    packages: [...CORE_AND_NODE, 'fastify', '@fastify', 'typebox', 'pino', 'prom-client'],
  },
  cli: {
    files: below('cli'),
    may: [
      ...['contracts', 'ledger', 'evidence', 'ingest', 'ingest-contract', 'access', 'compose', 'registry'],
      ...[
        'transparency',
        'transparency-contract',
        'anchors/*',
        'anchors-contract',
        'witness',
        'monitor',
        'outbound',
      ],
      ...['verification', 'moving', 'operations', 'policy', 'connectors-contract', 'connectors-shared'],
    ],
    packages: [...CORE_AND_NODE, 'commander', 'cli-progress', 'picocolors', 'pino'],
  },
  // The package's public names: adding here makes it public.
  entry: {
    files: /^indelible\/src\/index\.ts$/,
    may: [
      ...['contracts', 'ledger', 'evidence', 'ingest', 'ingest-contract', 'access', 'compose', 'http'],
      ...['transparency', 'transparency-contract', 'anchors/*', 'anchors-contract', 'verification'],
      ...['operations', 'policy', 'connectors-contract'],
    ],
    packages: ['@indelible/core'],
  },
};

const BETWEEN: Boundaries = {
  aliases: { '#sha256': 'core', '#signatures': 'core' },
  rooms: ROOMS,
  exceptions: [
    {
      file: 'indelible/src/cli/commands/serve.ts',
      imports: 'indelible/src/http/serve.ts',
      why: 'the command that starts the server; loaded only then, so that every other command starts without it',
    },
    {
      file: 'indelible/src/thread-worker.ts',
      imports: 'computed',
      why: 'whoever borrows a thread names the module that works in it',
    },
    {
      file: 'indelible/src/this-thread.ts',
      imports: 'computed',
      why: 'as with a thread that is borrowed',
    },
    {
      file: 'indelible/src/ledger/verify-worker.ts',
      imports: 'computed',
      why: 'a shard names the module of its own store, so that the ledger need not know one (stores/contract.ts)',
    },
    {
      file: 'indelible/src/stores/conformance/read-cases.ts',
      imports: 'computed',
      why: 'it reads shards as the verifier does',
    },
  ],
};

/** Inside core. The verifier must not share code with the writer, so it may not import what writes. */
const core = (folder: string): RegExp => new RegExp(`^core/src/${folder}/`);
const BASE = ['errors', 'limits', 'record types'];
const WITHIN_CORE: Boundaries = {
  aliases: { '#sha256': 'crypto', '#signatures': 'crypto' },
  rooms: {
    errors: { files: /^core\/src\/errors(?:\/\w+)?\.ts$/, may: [], packages: [] },
    limits: { files: /^core\/src\/record\/limits\.ts$/, may: [], packages: [] },
    'record types': { files: /^core\/src\/record\/record\.ts$/, may: [], packages: [] },
    hex: { files: /^core\/src\/hex\.ts$/, may: BASE, packages: [] },
    'crypto for Node': {
      files: /^core\/src\/crypto\/node(?:-crypto\.d|-signatures)?\.ts$/,
      may: ['crypto'],
      packages: ['node:crypto', 'node:module', '@noble/post-quantum'],
    },
    crypto: {
      files: core('crypto'),
      may: [],
      packages: ['@noble/hashes', '@noble/curves', '@noble/post-quantum'],
    },
    'json writer': { files: /^core\/src\/json\/canonical\.ts$/, may: BASE, packages: [] },
    json: { files: core('json'), may: BASE, packages: [] },
    chain: { files: core('chain'), may: [...BASE, 'hex', 'crypto'], packages: [] },
    merkle: { files: core('merkle'), may: [...BASE, 'hex', 'crypto'], packages: [] },
    note: { files: core('note'), may: [...BASE, 'crypto'], packages: [] },
    tlog: { files: core('tlog'), may: [...BASE, 'hex', 'merkle', 'note'], packages: [] },
    record: { files: core('record'), may: [...BASE, 'json', 'hex'], packages: [] },
    verify: {
      files: core('verify'),
      may: [...BASE, 'json', 'chain', 'merkle', 'note', 'tlog', 'hex'],
      packages: [],
    },
    globals: { files: /^core\/src\/globals\.d\.ts$/, may: [], packages: [] },
    entry: {
      files: /^core\/src\/index\.ts$/,
      may: [
        ...BASE,
        'hex',
        'crypto',
        'json writer',
        'json',
        'chain',
        'merkle',
        'record',
        'verify',
        'note',
        'tlog',
      ],
      packages: [],
    },
  },
  exceptions: [],
};

function only(sources: ReadonlyMap<string, string>, prefix: string): Map<string, string> {
  return new Map([...sources].filter(([file]) => file.startsWith(prefix)));
}

test('no import crosses a boundary between rooms', () => {
  assert.deepEqual(violations(packageSources(), BETWEEN), []);
});

test('no import crosses a boundary within core', () => {
  const sources = only(packageSources(), 'core/');
  assert.ok(sources.size > 5, 'core is there to be checked');
  assert.deepEqual(violations(sources, WITHIN_CORE), []);
});

test('a planted violation of every kind is found', () => {
  const cases: readonly (readonly [
    file: string,
    source: string,
    boundaries: Boundaries,
    complaint: RegExp,
  ])[] = [
    [
      'indelible/src/ledger/x.ts',
      "import { a } from '../stores/file/store.ts';\n",
      BETWEEN,
      /ledger may not import stores\/file/,
    ],
    [
      'indelible/src/ledger/x.ts',
      "import type { A } from '../stores/memory.ts';\n",
      BETWEEN,
      /ledger may not import stores\/memory/,
    ],
    [
      'indelible/src/stores/file/x.ts',
      "import {\n  a,\n} from '../sqlite/store.ts';\n",
      BETWEEN,
      /stores\/file may not import stores\/sqlite/,
    ],
    [
      'indelible/src/stores/file/x.ts',
      "export * from '../../ledger/types.ts';\n",
      BETWEEN,
      /may not import ledger/,
    ],
    [
      'indelible/src/http/x.ts',
      "const a = await import('../stores/memory.ts');\n",
      BETWEEN,
      /http may not import stores\/memory/,
    ],
    ['indelible/src/http/x.ts', "import { a } from '../cli/main.ts';\n", BETWEEN, /http may not import cli/],
    [
      'indelible/src/cli/x.ts',
      "new Thread(new URL('../stores/sqlite/worker.ts', import.meta.url));\n",
      BETWEEN,
      /cli may not import stores\/sqlite/,
    ],
    [
      'indelible/src/ledger/x.ts',
      "new URL(import.meta.url.endsWith('.ts') ? '../cli/a.ts' : './b.js', import.meta.url);\n",
      BETWEEN,
      /ledger may not import cli/,
    ],
    [
      'indelible/src/ledger/x.ts',
      "import Fastify from 'fastify';\n",
      BETWEEN,
      /may not import package fastify/,
    ],
    [
      'indelible/src/ledger/x.ts',
      "type A = import('../stores/memory.ts').A;\n",
      BETWEEN,
      /may not import stores\/memory/,
    ],
    ['indelible/src/ledger/x.ts', 'await import(name);\n', BETWEEN, /cannot be read/],
    ['indelible/src/ledger/x.ts', `await import(\`../stores/\${name}.ts\`);\n`, BETWEEN, /cannot be read/],
    ['indelible/src/attic/x.ts', '', BETWEEN, /no room of the matrix/],
    [
      'core/src/json/x.ts',
      "import { readFileSync } from 'node:fs';\n",
      BETWEEN,
      /core may not import package node:fs/,
    ],
    [
      'core/src/json/x.ts',
      "import { hash } from 'node:crypto';\n",
      WITHIN_CORE,
      /json may not import package node:crypto/,
    ],
    [
      'core/src/verify/x.ts',
      "import { checkEvent } from '../record/check.ts';\n",
      WITHIN_CORE,
      /verify may not import record/,
    ],
    [
      'core/src/verify/x.ts',
      "import { canonicalize } from '../json/canonical.ts';\n",
      WITHIN_CORE,
      /verify may not import json writer/,
    ],
    [
      'core/src/json/x.ts',
      "import { x } from '../../../indelible/src/ledger/types.ts';\n",
      BETWEEN,
      /core may not import ledger/,
    ],
  ];
  for (const [file, source, boundaries, complaint] of cases) {
    const found = violations(new Map([[file, source]]), { ...boundaries, exceptions: [] });
    assert.equal(found.length, 1, `${file}: ${source} → ${found.join('; ')}`);
    assert.match(found[0]!, complaint);
    assert.ok(found[0]!.startsWith(file), 'the complaint names the file');
  }
});

test('the stores’ contracts hold interfaces alone, so that whoever names one depends on no store', () => {
  for (const [file, source] of packageSources()) {
    if (!/\/stores\/(?:index\/)?contract\.ts$/.test(file)) continue;
    const values =
      withoutComments(source).match(
        /^export (?!(?:declare )?(?:interface|type)\b).*|^import (?!type\b).*/gm,
      ) ?? [];
    assert.deepEqual(values, [], file);
  }
});

test('what is allowed, commented out or mere text is not a violation', () => {
  const file = 'indelible/src/ledger/x.ts';
  const source = [
    "import type { LogStore } from '../stores/contract.ts';",
    "import { canonicalize } from '@indelible/core';",
    "// import { a } from '../stores/memory.ts';",
    "/* import { a } from '../http/app.ts'; */",
    'const quote = /[\'"]/; const text = "import x from \'../cli/main.ts\'";',
    'important(1);',
  ].join('\n');
  assert.deepEqual(violations(new Map([[file, source]]), { ...BETWEEN, exceptions: [] }), []);
});

test('an exception that nothing needs is a failure', () => {
  const exceptions = [{ file: 'indelible/src/cli/x.ts', imports: 'computed', why: 'gone' }];
  assert.match(violations(new Map(), { ...BETWEEN, exceptions })[0]!, /stale/);
});

for (const name of ['core', 'indelible']) {
  test(`the packages that ${name} imports are those it declares`, () => {
    const manifest = JSON.parse(readFileSync(join(root, 'packages', name, 'package.json'), 'utf8')) as {
      dependencies?: Record<string, string>;
      peerDependencies?: Record<string, string>;
    };
    const declared = new Set(Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies }));
    const imported = new Set<string>();
    for (const [file, source] of only(packageSources(), `${name}/`)) {
      for (const { specifier, kind } of importsOf(source)) {
        if (kind === 'computed' || /^[.#]/.test(specifier)) continue;
        if (!specifier.startsWith('node:') && builtinModules.includes(specifier))
          assert.fail(`${file} imports ${specifier}: write node:${specifier}`);
        if (!specifier.startsWith('node:')) imported.add(packageOf(specifier));
      }
    }
    assert.deepEqual([...imported].sort(), [...declared].sort());
  });
}

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}
