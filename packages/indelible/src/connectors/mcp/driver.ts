/**
 * The MCP SDK, which is optional: loaded when a connector is used, and of its transports the one that is used.
 *
 * Errors:  DRIVER_MISSING.
 */
import type { Client } from '@modelcontextprotocol/sdk/client/index.js';
import type { StdioServerParameters } from '@modelcontextprotocol/sdk/client/stdio.js';
import type { StreamableHTTPClientTransportOptions } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { loadDriver } from '../shared/driver.ts';

type Schemas = typeof import('@modelcontextprotocol/sdk/types.js');

export interface McpDriver extends Pick<Schemas, 'CallToolResultSchema' | 'ListToolsResultSchema'> {
  readonly Client: typeof Client;
}

const MODULES = {
  client: () => import('@modelcontextprotocol/sdk/client/index.js'),
  schemas: () => import('@modelcontextprotocol/sdk/types.js'),
  stdio: () => import('@modelcontextprotocol/sdk/client/stdio.js'),
  http: () => import('@modelcontextprotocol/sdk/client/streamableHttp.js'),
};

export function loadMcp(): Promise<McpDriver> {
  return loadDriver('mcp', '@modelcontextprotocol/sdk', async () => {
    const [{ Client }, schemas] = await Promise.all([MODULES.client(), MODULES.schemas()]);
    const { CallToolResultSchema, ListToolsResultSchema } = schemas;
    return { Client, CallToolResultSchema, ListToolsResultSchema };
  });
}

/** A way to a server, and how to end that at once when it does not end by itself. */
export interface McpTransport {
  readonly transport: Transport;
  kill(): void;
}

export async function stdioTransport(options: StdioServerParameters): Promise<McpTransport> {
  const { StdioClientTransport } = await MODULES.stdio();
  const transport = new StdioClientTransport(options);
  const start = transport.start.bind(transport);
  let pid: number | null = null;
  // Once it is closing, the transport no longer tells.
  transport.start = async () => {
    await start();
    pid = transport.pid;
  };
  return {
    transport,
    kill: () => {
      if (pid === null) return;
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It has just ended.
      }
    },
  };
}

export async function httpTransport(
  url: URL,
  options: StreamableHTTPClientTransportOptions,
): Promise<McpTransport> {
  const { StreamableHTTPClientTransport } = await MODULES.http();
  // Its optional members may be undefined, which the interface does not say.
  return { transport: new StreamableHTTPClientTransport(url, options) as Transport, kill: () => {} };
}
