/** Prices behind an MCP server, for the MCP connector's cases. */
import '../support/package-conditions.ts';
import { join } from 'node:path';
import type { JsonObject } from '@indelible/core';
import { openMcpConnector } from '../../packages/indelible/src/connectors/mcp/connector.ts';
import { type PriceServer, Prices, servePrices } from '../fixtures/mcp/price-server.ts';
import { type ConfiguredPlace, operation, pick, sha256, temporaryFolder } from './support.ts';

export const MCP_SECRETS = { TOKEN: 'mcp-token-61be', 'shop/pin': 'pin-0451' };

export interface McpPlace extends ConfiguredPlace {
  readonly prices: Prices;
  readonly file: string;
  readonly server: PriceServer;
}

/** `server` as in the connector's configuration. */
export function mcpConfig(server: JsonObject): JsonObject {
  const sku: JsonObject = { type: 'string', minLength: 1, maxLength: 40 };
  const params = (properties: JsonObject, required = Object.keys(properties)): JsonObject => ({
    ...{ type: 'object', additionalProperties: false },
    properties,
    required,
  });
  const param = (name: string) => ({ $param: name });
  const read = { tool: 'get_price', arguments: { sku: param('sku') }, at: '/price' };
  const versioned = { ...read, version_at: '/price/revision' };
  const if_revision = { $version: true };
  const put = { tool: 'put_price', arguments: { sku: param('sku'), value: { $before: true } } };
  const restore = {
    tool: 'set_price',
    arguments: {
      sku: param('sku'),
      amount: { $before: '/amount' },
      note: { $before: '/note' },
      if_revision,
    },
  };
  const remove = { tool: 'remove_price', arguments: { sku: param('sku'), if_revision } };
  return {
    server,
    ignore: ['revision'],
    max_bytes: 2000,
    operations: {
      'set-price': {
        summary: 'Sets a price.',
        params: params(
          {
            sku,
            amount: { type: 'number' },
            note: { type: 'string' },
            pin: { type: 'string', writeOnly: true },
          },
          ['sku', 'amount', 'note'],
        ),
        target: 'price/{sku}',
        read: versioned,
        write: {
          tool: 'set_price',
          arguments: {
            sku: param('sku'),
            amount: param('amount'),
            note: param('note'),
            pin: param('pin'),
            if_revision,
          },
        },
        predict: { value: { amount: param('amount'), note: param('note') } },
        inverse: restore,
        inverse_created: remove,
      },
      'remove-price': {
        summary: 'Removes a price.',
        params: params({ sku }),
        target: 'price/{sku}',
        read: versioned,
        write: remove,
        predict: 'absent',
        inverse: restore,
      },
      'set-amount': {
        summary: 'Raises a price to one of 5, once.',
        params: params({ sku, by: { type: 'number' }, total: { type: 'number' } }),
        target: 'price/{sku}',
        read: versioned,
        write: {
          tool: 'raise_price',
          arguments: { sku: param('sku'), by: param('by'), key: { $effect: true } },
          repeated_at: '/repeated',
        },
        predict: { merge: { amount: param('total') } },
        inverse: put,
        inverse_created: remove,
      },
      'put-blindly': {
        summary: 'Puts a price, and cannot undo it.',
        params: params({ sku, value: { type: 'object' } }),
        target: 'price/{sku}',
        read,
        write: { tool: 'put_price', arguments: { sku: param('sku'), value: param('value') } },
      },
    },
  };
}

export async function mcpPlace(): Promise<McpPlace> {
  const folder = temporaryFolder();
  const file = join(folder.path, 'prices.db');
  const prices = new Prices(file);
  prices.put('apple', { amount: 1.25, note: 'red' });
  prices.put('pear', { amount: 2, note: '' });
  const server = await servePrices(prices, MCP_SECRETS.TOKEN);
  const config = mcpConfig({
    url: server.url,
    secret_headers: { authorization: { secret: 'TOKEN', prefix: 'Bearer ' } },
  });
  let foreign = 1000;
  return {
    id: 'shop',
    configuration: { kind: 'mcp', ...config },
    secret_values: MCP_SECRETS,
    prices,
    file,
    server,
    open: () => openMcpConnector('shop', config),
    digest: async () => sha256(prices.all()),
    samples: [
      operation('set-price', { sku: 'apple', amount: 9, note: 'sale', pin: { $secret: 'shop/pin' } }),
      operation('remove-price', { sku: 'pear' }),
      operation('set-amount', { sku: 'pear', by: 3, total: 5 }),
      operation('put-blindly', { sku: 'apple', value: { amount: 0, note: 'x' } }),
    ],
    too_large: [operation('set-price', { sku: 'apple', amount: 1, note: 'x'.repeat(2000) })],
    random: (choose) => {
      const sku = pick(choose, ['apple', 'pear', 'fig']);
      return choose(3) === 0
        ? operation('remove-price', { sku })
        : operation('set-price', { sku, amount: choose(5), note: pick(choose, ['', 'ä']) });
    },
    disturb: async (plan) => prices.put(plan.params.sku, { amount: foreign++, note: 'foreign' }),
    secrets: Object.values(MCP_SECRETS),
    effects: async () => prices.calls(),
    remove: async () => {
      await server.close();
      await folder.remove();
    },
  };
}
