/**
 * A client of one S3 server. Every request is bounded in time; what is safe to repeat is repeated by the SDK.
 *
 * Errors:  those of driver.ts and faults.ts.
 */
import type { S3Client } from '@aws-sdk/client-s3';
import { loadSdk, type Sdk } from './driver.ts';
import type { S3Server } from './place.ts';

const CONNECT_MS_MAX = 5_000;
/** For one attempt; more for what has many bytes. */
const REQUEST_MS_MAX = 20_000;
const BYTES_PER_MS_MIN = 500;
/** For all attempts at one operation. */
const OPERATION_MS_MAX = 60_000;
const ATTEMPTS_MAX = 4;
const SOCKETS_MAX = 64;

export interface ServerOptions {
  /** 1 for what must not be repeated. */
  readonly attempts_max?: number;
  /** For tests: a shorter time. */
  readonly request_ms_max?: number;
  /** Default: as the SDK finds them. */
  readonly credentials?: () => Promise<{ readonly accessKeyId: string; readonly secretAccessKey: string }>;
}

/** The SDK with a client, and how long an operation may take. */
export class Server {
  readonly sdk: Sdk;
  readonly #client: S3Client;
  readonly #request_ms_max: number;

  private constructor(sdk: Sdk, client: S3Client, request_ms_max: number) {
    this.sdk = sdk;
    this.#client = client;
    this.#request_ms_max = request_ms_max;
  }

  static async connect({ endpoint, region }: S3Server, options: ServerOptions = {}): Promise<Server> {
    const sdk = await loadSdk();
    const request_ms_max = options.request_ms_max ?? REQUEST_MS_MAX;
    const agent = { keepAlive: true, maxSockets: SOCKETS_MAX };
    const client = new sdk.S3Client({
      ...(endpoint === null ? {} : { endpoint, forcePathStyle: true }),
      ...(region === null ? {} : { region }),
      ...(options.credentials === undefined ? {} : { credentials: options.credentials }),
      maxAttempts: options.attempts_max ?? ATTEMPTS_MAX,
      // Our own digests are sent where they are needed; other servers stumble over those that the SDK adds.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      requestHandler: {
        connectionTimeout: CONNECT_MS_MAX,
        requestTimeout: request_ms_max,
        throwOnRequestTimeout: true,
        httpAgent: agent,
        httpsAgent: agent,
      },
      logger: SILENT,
    });
    return new Server(sdk, client, request_ms_max);
  }

  /** Sends what `send` is given, and ends it when it takes too long. `bytes` is about how many go over the wire. */
  async run<Output>(
    send: (
      client: S3Client,
      options: { abortSignal: AbortSignal; requestTimeout: number },
    ) => Promise<Output>,
    { bytes = 0, signal }: { readonly bytes?: number; readonly signal?: AbortSignal | undefined } = {},
  ): Promise<Output> {
    const more = Math.ceil(bytes / BYTES_PER_MS_MIN);
    const deadline = AbortSignal.timeout(OPERATION_MS_MAX + more);
    const abortSignal = signal === undefined ? deadline : AbortSignal.any([deadline, signal]);
    return send(this.#client, { abortSignal, requestTimeout: this.#request_ms_max + more });
  }

  close(): void {
    this.#client.destroy();
  }
}

/** The SDK's own would write to the console of whoever uses us. */
const SILENT = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };
