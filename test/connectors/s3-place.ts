/** Prefixes of a bucket with versions, on a real S3 server, for the S3 connector's cases. */
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutBucketVersioningCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { openS3Connector } from '../../packages/indelible/src/connectors/s3/connector.ts';
import { type S3TestServer, startS3Server } from '../support/s3-server.ts';
import { type ConfiguredPlace, operation, pick, sha256 } from './support.ts';

const BUCKET = 'governed';
/** Not UTF-8. */
const BINARY = Buffer.from([0xff, 0x00, 0x80]).toString('base64');

export interface S3Place extends ConfiguredPlace {
  readonly prefix: string;
  put(key: string, body: string): Promise<void>;
  delete(key: string, version?: string): Promise<void>;
}

export interface S3Places {
  readonly server: S3TestServer;
  /** A prefix of its own. `endpoint`: of a proxy in front of the server; `conditional`: it honours conditions. */
  make(through?: { readonly endpoint: string; readonly conditional: boolean }): Promise<S3Place>;
  /** The ETag of an object; null: there is none. */
  etagOf(path: string): Promise<string | null>;
  stop(): Promise<void>;
}

export async function startS3Places(): Promise<S3Places> {
  const server = await startS3Server();
  const places = await s3Places(server);
  return {
    ...places,
    stop: async () => {
      await places.stop();
      server.stop();
    },
  };
}

/** On a server that is there already, and stays. */
export async function s3Places(server: S3TestServer): Promise<S3Places> {
  const { owner, endpoint } = server;
  const client = new S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: owner.AWS_ACCESS_KEY_ID, secretAccessKey: owner.AWS_SECRET_ACCESS_KEY },
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  });
  await client.send(new CreateBucketCommand({ Bucket: BUCKET }));
  await client.send(
    new PutBucketVersioningCommand({ Bucket: BUCKET, VersioningConfiguration: { Status: 'Enabled' } }),
  );
  let places = 0;
  return {
    server,
    make: (through = { endpoint, conditional: false }) =>
      makePlace(client, server, `place-${++places}/`, through),
    etagOf: async (path) => {
      const [, bucket, ...key] = path.split('/');
      const named = { Bucket: bucket, Key: key.join('/') };
      const found = await client.send(new HeadObjectCommand(named)).catch(() => null);
      return found?.ETag ?? null;
    },
    stop: async () => client.destroy(),
  };
}

async function makePlace(
  client: S3Client,
  { owner }: S3TestServer,
  prefix: string,
  { endpoint, conditional }: { readonly endpoint: string; readonly conditional: boolean },
): Promise<S3Place> {
  const put = async (key: string, body: string, metadata: Record<string, string> = {}) => {
    const named = { Bucket: BUCKET, Key: prefix + key };
    await client.send(
      new PutObjectCommand({ ...named, Body: body, ContentType: 'text/plain', Metadata: metadata }),
    );
  };
  await put('app.conf', 'retries=3\n', { owner: 'ann' });
  await put('old', 'x');
  const config = {
    bucket: BUCKET,
    prefix,
    endpoint,
    access_key_id: owner.AWS_ACCESS_KEY_ID,
    secret_key_secret: 'KEY',
    max_bytes: 1000,
    conditional_puts: conditional,
    conditional_deletes: conditional,
  };
  let foreign = 0;
  return {
    id: 'files',
    configuration: { kind: 's3', ...config },
    secret_values: { KEY: owner.AWS_SECRET_ACCESS_KEY },
    prefix,
    put,
    delete: async (key, version) => {
      const named = {
        Bucket: BUCKET,
        Key: prefix + key,
        ...(version === undefined ? {} : { VersionId: version }),
      };
      await client.send(new DeleteObjectCommand(named));
    },
    open: () => openS3Connector('files', config),
    digest: async () => {
      const { Contents = [] } = await client.send(
        new ListObjectsV2Command({ Bucket: BUCKET, Prefix: prefix }),
      );
      const objects = Contents.map(async ({ Key }) => {
        const found = await client.send(new GetObjectCommand({ Bucket: BUCKET, Key }));
        const metadata = Object.entries(found.Metadata ?? {}).filter(
          ([name]) => !name.startsWith('indelible-'),
        );
        return [
          Key!.slice(prefix.length),
          found.ContentType,
          found.CacheControl,
          metadata.sort(),
          await found.Body!.transformToString(),
        ];
      });
      return sha256(await Promise.all(objects));
    },
    samples: [
      operation('put', {
        key: `${prefix}app.conf`,
        content: 'retries=5\n',
        content_type: 'text/plain',
        cache_control: 'no-store',
        metadata: { owner: 'bob' },
      }),
      operation('put', { key: `${prefix}new/ä b`, content_base64: BINARY }),
      operation('delete', { key: `${prefix}app.conf` }),
    ],
    too_large: [operation('put', { key: `${prefix}big`, content: 'x'.repeat(1001) })],
    random: (choose) => {
      const key = prefix + pick(choose, ['app.conf', 'old', 'other']);
      return choose(3) === 0
        ? operation('delete', { key })
        : operation('put', { key, content: pick(choose, ['', 'one\n', 'two\n']) });
    },
    disturb: (plan) => put((plan.params.key as string).slice(prefix.length), `foreign ${++foreign}`),
    secrets: [owner.AWS_SECRET_ACCESS_KEY],
    remove: async () => {},
  };
}
