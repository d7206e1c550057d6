/**
 * A session with an MCP server, over a program's standard input and output or over HTTP: opened when it is needed,
 * bounded in time and in bytes, and given up after anything that leaves a doubt.
 *
 * Results are taken as they are: schemas and annotations that the server gives are its own words, and prove nothing.
 *
 * Errors:  DRIVER_MISSING, CONNECTOR_PARAMS; TARGET_REFUSED when the server has no such tool or takes no such
 *          arguments; CONNECTOR_UNAVAILABLE when nobody can say what it did. None shows what was sent.
 */
import { canonicalize, IndelibleError, type Json, type JsonObject, parseJsonText } from '@indelible/core';
import type { Client } from '@modelcontextprotocol/sdk/client/index.js';
import type { ConnectorContext } from '../contract.ts';
import { assertInTime } from '../shared/checks.ts';
import { digestOf } from '../shared/state.ts';
import type { McpPlace } from './config.ts';
import { httpTransport, loadMcp, type McpDriver, type McpTransport, stdioTransport } from './driver.ts';

type Ctx = Pick<ConnectorContext, 'signal' | 'secret'>;

export interface ToolAnswer {
  /** What the tool gave as structure; otherwise its text, as JSON if it is that. */
  readonly value: Json;
  readonly is_error: boolean;
}

interface Opened {
  readonly client: Client;
  readonly kill: () => void;
}

const PAGES_MAX = 20;
/** JSON-RPC: the server has no such method or tool, or takes no such arguments. It has done nothing. */
const NOTHING_DONE = [-32601, -32602];

export class McpSession {
  readonly #place: McpPlace;
  #driver: McpDriver | null = null;
  #open: Promise<Opened> | null = null;

  constructor(place: McpPlace) {
    this.#place = place;
  }

  /** The digests of the definitions of these tools: other ones once anything about a tool is another. */
  async definitions(names: readonly string[], ctx: Ctx): Promise<ReadonlyMap<string, string>> {
    return this.#with(ctx, async (client, { ListToolsResultSchema }, options) => {
      const found = new Map<string, string>();
      let cursor: string | undefined;
      for (let page = 0; page < PAGES_MAX; page++) {
        const params = cursor === undefined ? {} : { cursor };
        const { tools, nextCursor } = await client.request(
          { method: 'tools/list', params },
          ListToolsResultSchema,
          options,
        );
        for (const tool of tools) if (names.includes(tool.name)) found.set(tool.name, digestOf(plain(tool)));
        cursor = nextCursor;
        if (cursor === undefined) break;
      }
      const missing = names.find((name) => !found.has(name));
      if (missing !== undefined)
        throw new IndelibleError('TARGET_REFUSED', `the server has no tool ${missing.slice(0, 80)}`);
      return found;
    });
  }

  async call(name: string, args: JsonObject, ctx: Ctx): Promise<ToolAnswer> {
    const answer = await this.#with(ctx, (client, { CallToolResultSchema }, options) =>
      client.request(
        { method: 'tools/call', params: { name, arguments: { ...args } } },
        CallToolResultSchema,
        options,
      ),
    );
    const { structuredContent, content = [], isError = false } = answer;
    const value = structuredContent === undefined ? textOf(content) : plain(structuredContent);
    if (canonicalize(value).length > this.#place.max_bytes)
      throw new IndelibleError('CONNECTOR_UNAVAILABLE', `${name} answers with too much`);
    return { value, is_error: isError };
  }

  async close(): Promise<void> {
    const open = this.#open;
    this.#open = null;
    const opened = await open?.catch(() => null);
    await opened?.client.close().catch(() => {});
  }

  /** Nothing of a connection that failed or ended is used again; a newer one is left alone. */
  #forget(open: Promise<Opened>): void {
    if (this.#open === open) this.#open = null;
  }

  async #with<T>(
    ctx: Ctx,
    work: (
      client: Client,
      driver: McpDriver,
      options: { signal: AbortSignal; timeout: number },
    ) => Promise<T>,
  ): Promise<T> {
    assertInTime(ctx.signal);
    this.#driver ??= await loadMcp();
    const options = { signal: ctx.signal, timeout: this.#place.timeout_ms };
    const open = this.#opened(this.#driver, ctx);
    try {
      return await work((await open).client, this.#driver, options);
    } catch (error) {
      const fault = faultOf(error);
      // A late answer must not be taken for the next one; the next call begins anew.
      if (fault.code === 'CONNECTOR_UNAVAILABLE') {
        this.#forget(open);
        await open.then(end, () => {});
      }
      throw fault;
    }
  }

  #opened(driver: McpDriver, ctx: Ctx): Promise<Opened> {
    if (this.#open !== null) return this.#open;
    const open = this.#connect(driver, ctx, () => this.#forget(open));
    open.catch(() => this.#forget(open));
    this.#open = open;
    return open;
  }

  async #connect({ Client }: McpDriver, ctx: Ctx, ended: () => void): Promise<Opened> {
    const client = new Client({ name: 'indelible', version: '1' });
    client.onclose = ended;
    const { transport, kill } = await this.#transport(ctx);
    try {
      await client.connect(transport, { signal: ctx.signal, timeout: this.#place.timeout_ms });
      return { client, kill };
    } catch (error) {
      kill();
      throw error;
    }
  }

  async #transport(ctx: Ctx): Promise<McpTransport> {
    const { config, url, max_bytes } = this.#place;
    const { server } = config;
    // A message holds the value, again as text, and what is around it.
    const bytes_max = 4 * max_bytes + 65_536;
    if ('command' in server) {
      const [command = '', ...args] = server.command;
      const env: Record<string, string> = { ...server.env };
      for (const [name, secret] of Object.entries(server.secret_env ?? {}))
        env[name] = await ctx.secret(secret);
      return stdioTransport({
        ...{ command, args, env, stderr: 'ignore' as const, maxBufferSize: bytes_max },
        ...(server.folder === undefined ? {} : { cwd: server.folder }),
      });
    }
    const headers: Record<string, string> = {};
    for (const [name, { secret, prefix = '' }] of Object.entries(server.secret_headers ?? {})) {
      const value = prefix + (await ctx.secret(secret));
      // Said by us: fetch would quote the value.
      if (!/^[\t -~]*$/.test(value))
        throw new IndelibleError('CONNECTOR_CONFIG', `the header ${name} cannot hold its secret`);
      headers[name] = value;
    }
    return httpTransport(url!, {
      requestInit: { headers, redirect: 'error' },
      fetch: boundedFetch(bytes_max),
    });
  }
}

async function end({ client, kill }: Opened): Promise<void> {
  kill();
  await client.close().catch(() => {});
}

/** Ends an answer of more bytes with an error. */
function boundedFetch(bytes_max: number): (url: string | URL, init?: RequestInit) => Promise<Response> {
  return async (url, init) => {
    const response = await fetch(url, init);
    if (response.body === null) return response;
    let bytes = 0;
    const bounded = response.body.pipeThrough(
      new TransformStream<Uint8Array, Uint8Array>({
        transform: (chunk, controller) => {
          bytes += chunk.length;
          if (bytes > bytes_max) controller.error(new Error('too much'));
          else controller.enqueue(chunk);
        },
      }),
    );
    const { status, statusText, headers } = response;
    return new Response(bounded, { status, statusText, headers });
  };
}

function textOf(content: readonly { readonly type: string }[]): Json {
  const text = content
    .map((part) => ('text' in part && typeof part.text === 'string' ? part.text : `[${part.type}]`))
    .join('\n');
  try {
    return parseJsonText(text);
  } catch {
    return text;
  }
}

/** Without what JSON has not. */
function plain(value: unknown): Json {
  return parseJsonText(JSON.stringify(value ?? null));
}

/** Messages of servers and of the driver may quote what was sent: only codes go on from here. */
function faultOf(error: unknown): IndelibleError {
  if (error instanceof IndelibleError) return error;
  const { code } = error as { readonly code?: unknown };
  if (typeof code === 'number' && NOTHING_DONE.includes(code))
    return new IndelibleError('TARGET_REFUSED', `the server does not take this call (${code})`);
  const known = typeof code === 'number' || (typeof code === 'string' && /^[A-Z_]+$/.test(code));
  return new IndelibleError(
    'CONNECTOR_UNAVAILABLE',
    `the server gives no answer that tells what happened (${known ? code : 'no connection'})`,
  );
}
