/**
 * The configuration of a directory, and what can be asked of it.
 *
 * Errors:  CONNECTOR_CONFIG.
 */
import { readFileSync } from 'node:fs';
import { IndelibleError, type Json, type JsonObject } from '@indelible/core';
import type { Capabilities, ConnectorAction } from '../contract.ts';
import { schemaCheck } from '../shared/checks.ts';
import { closedObject, TIMES } from '../shared/schemas.ts';
import { SECRET_REFERENCE } from '../shared/secrets.ts';
import { type Dn, parseDn } from './dn.ts';

export interface LdapConfig {
  /** ldaps://host:port; ldap:// with start_tls, or to this machine. */
  readonly url: string;
  readonly start_tls?: boolean;
  /** Certificates of authorities, as PEM, instead of the system's. */
  readonly ca_file?: string;
  /** Absent: nobody, and what nobody may see. */
  readonly bind_dn?: string;
  /** The name of the secret that holds the password. */
  readonly password_secret?: string;
  /** The subtree that nothing outside of is touched. */
  readonly base: string;
  /** Attributes, besides those that hold passwords anyway, whose values are never shown. */
  readonly secret_attributes?: readonly string[];
  readonly max_bytes?: number;
  readonly timeout_ms?: number;
  readonly rollback_window_ms?: number;
}

/** Attributes that hold passwords or keys in the schemas in use. */
const ALWAYS_SECRET = [
  ...['userPassword', 'authPassword', 'unicodePwd', 'sambaNTPassword', 'sambaLMPassword'],
  ...['krbPrincipalKey', 'krb5Key', 'olcRootPW', 'pwdHistory'],
];

const KIB = 1024;
const LOOPBACK = ['localhost', '127.0.0.1', '[::1]'];
const ATTRIBUTE: JsonObject = {
  type: 'string',
  maxLength: 200,
  pattern: '^[A-Za-z][A-Za-z0-9-]*(?:;[A-Za-z0-9-]+)*$',
};

const checkConfig = schemaCheck<LdapConfig>(
  closedObject(['url', 'base'], {
    url: { type: 'string', maxLength: 2048 },
    start_tls: { type: 'boolean' },
    ca_file: { type: 'string', minLength: 1 },
    bind_dn: { type: 'string', minLength: 1, maxLength: 2048 },
    password_secret: { type: 'string', minLength: 1, maxLength: 128 },
    base: { type: 'string', minLength: 1, maxLength: 2048 },
    secret_attributes: { type: 'array', maxItems: 100, items: ATTRIBUTE },
    max_bytes: { type: 'integer', minimum: 1, maximum: 15 * KIB * KIB },
    ...TIMES,
  }),
  'CONNECTOR_CONFIG',
  'ldap',
);

export interface LdapPlace {
  readonly config: LdapConfig;
  readonly url: URL;
  readonly base: Dn;
  readonly ca: string | null;
  readonly secret_attributes: readonly string[];
  readonly max_bytes: number;
  readonly timeout_ms: number;
}

export function readLdapConfig(id: string, given: unknown): LdapPlace {
  const config = checkConfig(given);
  const url = URL.parse(config.url);
  if (url === null || !/^ldaps?:$/.test(url.protocol) || url.username !== '' || url.password !== '')
    throw invalid(`the url of ${id} is like ldaps://host:636, without credentials`);
  if (!['', '/'].includes(url.pathname) || url.search !== '')
    throw invalid(`the url of ${id} has a path; base says where in the directory`);
  const { start_tls = false, ca_file } = config;
  if (url.protocol === 'ldaps:' && start_tls) throw invalid(`${id} has start_tls on a connection of TLS`);
  if (url.protocol === 'ldap:' && !start_tls && !LOOPBACK.includes(url.hostname))
    throw invalid(`${url.host} must be asked by ldaps: or with start_tls: it is not this machine`);
  if ((config.bind_dn === undefined) !== (config.password_secret === undefined))
    throw invalid(`${id} has one of bind_dn and password_secret without the other`);
  return {
    config,
    url,
    base: nameOf('base', config.base),
    ca: ca_file === undefined ? null : readAuthorities(id, ca_file),
    secret_attributes: [...ALWAYS_SECRET, ...(config.secret_attributes ?? [])],
    max_bytes: config.max_bytes ?? KIB * KIB,
    timeout_ms: config.timeout_ms ?? 30_000,
  };
}

function nameOf(member: string, text: string): Dn {
  try {
    return parseDn(text);
  } catch (error) {
    throw new IndelibleError('CONNECTOR_CONFIG', `${member}: ${(error as Error).message}`, { cause: error });
  }
}

function readAuthorities(id: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new IndelibleError('CONNECTOR_CONFIG', `the ca_file of ${id} cannot be read`, { cause: error });
  }
}

const DN: JsonObject = { type: 'string', minLength: 3, maxLength: 2048 };
const VALUE: Json = {
  anyOf: [
    { type: 'string', maxLength: 64 * KIB },
    {
      type: 'object',
      additionalProperties: false,
      required: ['base64'],
      properties: { base64: { type: 'string', pattern: '^[A-Za-z0-9+/]*={0,2}$' } },
    },
    SECRET_REFERENCE,
  ],
};
const values = (minItems: number): JsonObject => ({
  type: 'array',
  minItems,
  maxItems: 10_000,
  items: VALUE,
});
/** Who knows a schema reads there that a literal value is not taken; the connector itself refuses it, too. */
const SECRET_VALUES: JsonObject = { ...values(1), writeOnly: true };

function params(required: readonly string[], properties: JsonObject): JsonObject {
  return { type: 'object', additionalProperties: false, required, properties };
}

/** Attributes that list members, and whether by their names in the directory. */
export const MEMBER_ATTRIBUTES = { member: true, uniqueMember: true, memberUid: false } as const;

export function ldapActions(capabilities: Capabilities): Readonly<Record<string, ConnectorAction>> {
  const members = params(['group', 'members'], {
    group: DN,
    members: {
      type: 'array',
      minItems: 1,
      maxItems: 1000,
      items: { type: 'string', minLength: 1, maxLength: 2048 },
    },
    attribute: { enum: Object.keys(MEMBER_ATTRIBUTES) },
  });
  const change = params(['operation', 'attribute'], {
    operation: { enum: ['add', 'delete', 'replace'] },
    attribute: ATTRIBUTE,
    values: values(0),
  });
  const attributes: JsonObject = {
    type: 'object',
    minProperties: 1,
    maxProperties: 500,
    propertyNames: ATTRIBUTE,
    properties: { userPassword: SECRET_VALUES },
    additionalProperties: values(1),
  };
  const summaries = {
    add: ['Adds an entry.', params(['dn', 'attributes'], { dn: DN, attributes })],
    modify: [
      'Changes attributes of an entry.',
      params(['dn', 'changes'], {
        dn: DN,
        changes: { type: 'array', minItems: 1, maxItems: 500, items: change },
      }),
    ],
    delete: ['Deletes an entry that has none below it.', params(['dn'], { dn: DN })],
    'add-member': ['Adds members to a group.', members],
    'remove-member': ['Removes members from a group.', members],
  } as const;
  return Object.fromEntries(
    Object.entries(summaries).map(([name, [summary, schema]]) => [
      name,
      { summary, params: schema, capabilities },
    ]),
  );
}

function invalid(message: string): IndelibleError {
  return new IndelibleError('CONNECTOR_CONFIG', message);
}
