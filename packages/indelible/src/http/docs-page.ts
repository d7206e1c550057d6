/**
 * The API's documentation as one HTML page: no script, nothing from elsewhere, light and dark, usable by keyboard.
 *
 * Pure:    no I/O.
 */
import { createHash } from 'node:crypto';
import type { OpenApi, Operation } from './openapi.ts';

const STYLE = `
:root{color-scheme:light dark;--line:#8884;--soft:#8882;--get:#0a7d4f;--post:#1a5fd0;--delete:#b3261e}
@media(prefers-color-scheme:dark){:root{--get:#5fd6a0;--post:#8ab4ff;--delete:#ff8a80}}
body{font:16px/1.5 system-ui,sans-serif;max-width:56rem;margin:0 auto;padding:1.5rem 1rem 4rem}
h1{margin-bottom:.2rem}h2{margin-top:2.2rem;text-transform:capitalize}
code,pre,.method,.path{font-family:ui-monospace,monospace;font-size:.92em}
pre{background:var(--soft);padding:.75rem;overflow:auto;border-radius:6px}
details{border:1px solid var(--line);border-radius:6px;margin:.5rem 0}
details>:not(summary){margin-left:1rem;margin-right:1rem}
summary{padding:.5rem .75rem;cursor:pointer}
summary:focus-visible,a:focus-visible{outline:3px solid currentColor;outline-offset:2px}
.method{font-weight:700;display:inline-block;min-width:4.2em}
.get{color:var(--get)}.post{color:var(--post)}.delete{color:var(--delete)}
.about{opacity:.75}
table{border-collapse:collapse;display:block;overflow-x:auto}
th,td{text-align:left;vertical-align:top;padding:.3rem .8rem .3rem 0;border-bottom:1px solid var(--line)}
nav a{margin-right:1rem}
`;

/** The page has no script; its one style is allowed by its hash. */
export const DOCS_POLICY = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;

/** The page. */
export function docsPage(api: OpenApi): string {
  const operations = Object.entries(api.paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      .filter(([method]) => method !== 'head')
      .map(([method, operation]) => ({ path, method, operation })),
  );
  const tags = [...new Set(operations.map(({ operation }) => operation.tags?.[0] ?? 'other'))];
  const sections = tags.map((tag) => {
    const shown = operations.filter(({ operation }) => (operation.tags?.[0] ?? 'other') === tag);
    return `<section><h2 id="${escaped(tag)}">${escaped(tag)}</h2>${shown.map(({ path, method, operation }) => operationHtml(path, method, operation)).join('')}</section>`;
  });
  const schemas = Object.entries(api.components.schemas).map(
    ([name, schema]) =>
      `<details id="schema-${escaped(name)}"><summary><code>${escaped(name)}</code></summary><pre tabindex="0">${escaped(JSON.stringify(schema, null, 2))}</pre></details>`,
  );
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>${escaped(api.info.title)} API</title><style>${STYLE}</style></head><body>
<header><h1>${escaped(api.info.title)} API</h1><p>${escaped(api.info.description ?? '')} The same as a document: <a href="/openapi.json">openapi.json</a>.</p>
<p>Send a token as <code>Authorization: Bearer ind_…</code>. Errors are problem details (RFC 9457) with a stable <code>code</code>.</p>
<nav aria-label="Sections">${tags.map((tag) => `<a href="#${escaped(tag)}">${escaped(tag)}</a>`).join('')}<a href="#schemas">schemas</a></nav></header>
<main>${sections.join('\n')}
<section><h2 id="schemas">schemas</h2>${schemas.join('\n')}</section></main></body></html>
`;
}

function operationHtml(path: string, method: string, operation: Operation): string {
  const scope = operation.security?.flatMap((one) => Object.values(one).flat())[0];
  const parameters = operation.parameters ?? [];
  const rows = parameters.map(
    ({ name, in: place, required, description }) =>
      `<tr><td><code>${escaped(name)}</code></td><td>${escaped(place)}${required ? ', required' : ''}</td><td>${escaped(description ?? '')}</td></tr>`,
  );
  const responses = Object.entries(operation.responses).map(
    ([status, { description, content }]) =>
      `<tr><td><code>${escaped(status)}</code></td><td>${escaped(description ?? '')}</td><td>${typesHtml(content)}</td></tr>`,
  );
  const head = `<summary><span class="method ${escaped(method)}">${escaped(method.toUpperCase())}</span> <span class="path">${escaped(path)}</span> <span class="about">${escaped(operation.summary ?? '')}</span></summary>`;
  return [
    `<details>${head}`,
    operation.description === undefined ? '' : `<p>${escaped(operation.description)}</p>`,
    `<p>${scope === undefined ? 'Open to everybody.' : `Needs a token with <code>${escaped(scope)}</code>.`}</p>`,
    rows.length === 0
      ? ''
      : `<table><thead><tr><th>Parameter</th><th>In</th><th>Meaning</th></tr></thead><tbody>${rows.join('')}</tbody></table>`,
    operation.requestBody === undefined ? '' : `<p>Body: ${typesHtml(operation.requestBody.content)}</p>`,
    `<table><thead><tr><th>Status</th><th>Meaning</th><th>Body</th></tr></thead><tbody>${responses.join('')}</tbody></table></details>`,
  ].join('');
}

function typesHtml(content: Readonly<Record<string, { schema?: unknown }>> | undefined): string {
  return Object.entries(content ?? {})
    .map(([type, { schema }]) => {
      const target = (schema as { $ref?: string } | undefined)?.$ref?.split('/').at(-1);
      const link = target === undefined ? '' : ` <a href="#schema-${escaped(target)}">${escaped(target)}</a>`;
      return `<code>${escaped(type)}</code>${link}`;
    })
    .join(', ');
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
