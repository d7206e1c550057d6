/** Prices behind HTTP, for the HTTP connector's cases. */
import { canonicalize, type JsonObject } from '@indelible/core';
import { openHttpConnector } from '../../packages/indelible/src/connectors/http/connector.ts';
import { type PriceServer, startPriceServer, TOKEN } from './price-server.ts';
import { type ConfiguredPlace, operation, pick, sha256 } from './support.ts';

const SKU: JsonObject = { type: 'string', minLength: 1, maxLength: 40 };

function params(properties: JsonObject): JsonObject {
  return { type: 'object', additionalProperties: false, required: Object.keys(properties), properties };
}

export function priceConfig(url: string): JsonObject {
  const path = '/prices/{sku}';
  const restore = { method: 'PUT', path, body: { $before: true } };
  const amount = { type: 'number' };
  return {
    base_url: url,
    secret_headers: { authorization: { secret: 'PRICES', prefix: 'Bearer ' } },
    ignore: ['updated_at'],
    max_bytes: 2000,
    operations: {
      'set-price': {
        summary: 'Sets a price.',
        params: params({ sku: SKU, amount }),
        read: path,
        write: { method: 'PUT', path, body: { amount: { $param: 'amount' }, tags: ['by hand'] } },
        predict: 'body',
        inverse: restore,
        inverse_created: { method: 'DELETE', path },
        if_match: true,
        idempotency_key: true,
      },
      'add-note': {
        summary: 'Writes a note to a price.',
        params: {
          ...params({ sku: SKU, note: { type: 'string' } }),
          properties: { sku: SKU, note: { type: 'string' }, pin: { type: 'string', writeOnly: true } },
        },
        read: path,
        write: {
          method: 'PATCH',
          path,
          body: { note: { $param: 'note' }, pin: { $param: 'pin' } },
          headers: { 'x-pin': 'pin' },
        },
        predict: 'merge',
        inverse: restore,
        if_match: true,
      },
      'remove-price': {
        summary: 'Removes a price.',
        params: params({ sku: SKU }),
        read: path,
        write: { method: 'DELETE', path },
        predict: 'absent',
        inverse: restore,
        if_match: true,
      },
      'set-loosely': {
        summary: 'Sets a price where no versions are compared.',
        params: params({ sku: SKU, amount }),
        read: '/loose/{sku}',
        write: { method: 'PUT', path: '/loose/{sku}', body: { amount: { $param: 'amount' } } },
        predict: 'body',
        inverse: { method: 'PUT', path: '/loose/{sku}', body: { $before: true } },
        inverse_created: { method: 'DELETE', path: '/loose/{sku}' },
        idempotency_key: true,
      },
      ring: {
        summary: 'Rings the bell: it cannot be unrung.',
        params: params({ sku: SKU }),
        read: '/ring/{sku}',
        write: { method: 'POST', path: '/ring/{sku}', body: {} },
      },
    },
  };
}

export async function httpPlace(): Promise<ConfiguredPlace & { readonly server: PriceServer }> {
  const server = await startPriceServer();
  const put = (key: string, body: Record<string, unknown>) => server.items.set(key, { body, revision: 0 });
  put('prices/apple', { amount: 1.25, tags: [], origin: { country: 'AT', 'a/b~c': 1 } });
  put('prices/pear', { amount: 2, updated_at: 'long ago' });
  put('loose/apple', { amount: 1 });
  let foreign = 1_000_000;
  return {
    server,
    id: 'prices',
    configuration: { kind: 'http', ...priceConfig(server.url) },
    secret_values: PRICE_SECRETS,
    open: () => openHttpConnector('prices', priceConfig(server.url)),
    digest: async () =>
      sha256(
        [...server.items]
          .map(([key, { body }]) => {
            const { updated_at: _, ...rest } = body;
            return [key, canonicalize(rest)];
          })
          .sort(),
      ),
    samples: [
      operation('set-price', { sku: 'apple', amount: 9 }),
      operation('set-price', { sku: 'new one/ä', amount: 3 }),
      operation('add-note', { sku: 'apple', note: 'sale', pin: { $secret: 'prices/pin' } }),
      operation('remove-price', { sku: 'pear' }),
      operation('set-loosely', { sku: 'apple', amount: 5 }),
      operation('ring', { sku: 'door' }),
    ],
    too_large: [operation('add-note', { sku: 'apple', note: 'x'.repeat(2000) })],
    random: (choose) => {
      const sku = pick(choose, ['apple', 'pear', 'fig']);
      switch (choose(3)) {
        case 0:
          return operation('set-price', { sku, amount: choose(5) });
        case 1:
          return operation('add-note', { sku, note: pick(choose, ['', 'sale', 'ä']) });
        default:
          return operation('remove-price', { sku });
      }
    },
    disturb: async (plan) => {
      const [, kind, name] = plan.targets[0]!.resource.id.split('/');
      const body = { amount: 4711, by: 'somebody else' };
      server.items.set(`${kind}/${decodeURIComponent(name!)}`, { body, revision: foreign++ });
    },
    secrets: Object.values(PRICE_SECRETS),
    effects: async () => server.effects(),
    remove: () => server.close(),
  };
}

export const PRICE_SECRETS = { PRICES: TOKEN, 'prices/pin': 'pin-7712' };
