/**
 * The OpenAPI document, made from the routes, and the page that shows it.
 */
import swagger from '@fastify/swagger';
import type { App } from './app.ts';
import { DOCS_POLICY, docsPage } from './docs-page.ts';
import { OPERATION_COMPONENTS } from './operation-schemas.ts';
import { answer, answers, COMPONENTS, Type } from './schemas.ts';

/** What docs and clients need of the document. */
export interface OpenApi {
  readonly openapi: string;
  readonly info: { readonly title: string; readonly version: string; readonly description?: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, unknown>> };
}

export interface Operation {
  readonly summary?: string;
  readonly description?: string;
  readonly tags?: readonly string[];
  readonly security?: readonly Readonly<Record<string, readonly string[]>>[];
  readonly parameters?: readonly {
    name: string;
    in: string;
    required?: boolean;
    description?: string;
    schema?: { type?: string };
  }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { schema?: unknown }>> };
  readonly responses: Readonly<
    Record<string, { description?: string; content?: Readonly<Record<string, { schema?: unknown }>> }>
  >;
}

/** Collects the routes that follow, and serves the document. Call before routes are added. */
export async function installOpenApi(app: App): Promise<void> {
  for (const [$id, schema] of Object.entries({ ...COMPONENTS, ...OPERATION_COMPONENTS }))
    app.addSchema({ ...schema, $id });
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Indelible',
        version: '1',
        description: 'A tamper-evident record of what software, people and agents do.',
        license: { name: 'Apache-2.0' },
      },
      servers: [{ url: '/' }],
      components: {
        securitySchemes: { token: { type: 'http', scheme: 'bearer', description: 'A named token.' } },
      },
    },
    refResolver: { buildLocalReference: (json) => String(json.$id) },
    // The scope of a route is said once, in its config.
    transform: ({ schema, url, route }) => {
      const scope = route.config?.scope;
      return { schema: { ...schema, security: scope === undefined ? [] : [{ token: [scope] }] }, url };
    },
  });
}

/** Adds /openapi.json and /docs. */
export function addOpenApiRoutes(app: App): void {
  let document: string | null = null;
  let page: string | null = null;
  const read = () => app.swagger() as unknown as OpenApi;

  app.get(
    '/openapi.json',
    {
      exposeHeadRoute: true,
      schema: {
        summary: 'This API as OpenAPI 3.1',
        tags: ['documentation'],
        response: answers({ 200: answer('The document.', Type.Object({}, { additionalProperties: true })) }),
      },
    },
    async (_request, reply) => {
      document ??= JSON.stringify(read());
      return reply.type('application/json; charset=utf-8').send(document);
    },
  );

  app.get(
    '/docs',
    {
      exposeHeadRoute: true,
      schema: {
        summary: 'This API, readable',
        tags: ['documentation'],
        response: answers({ 200: answer('A page.', Type.String(), 'text/html') }),
      },
    },
    async (_request, reply) => {
      page ??= docsPage(read());
      return reply.type('text/html; charset=utf-8').header('content-security-policy', DOCS_POLICY).send(page);
    },
  );
}
