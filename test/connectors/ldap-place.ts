/** A subtree with people and groups in a real directory, for the LDAP connector's cases. */

import type { JsonObject } from '@indelible/core';
import { Attribute, Change, type Client } from 'ldapts';
import { openLdapConnector } from '../../packages/indelible/src/connectors/ldap/connector.ts';
import { ADMIN, ADMIN_PASSWORD, type Slapd, SUFFIX, startSlapd } from '../support/slapd.ts';
import { type ConfiguredPlace, operation, pick, sha256 } from './support.ts';

export const LDAP_SECRETS = { DIRECTORY: ADMIN_PASSWORD, 'new/password': 'correct horse 81' };
/** The stored form of a password, which must not be shown either. */
export const STORED_PASSWORD = '{SSHA}kept-as-it-is-5d1c';
/** Not UTF-8. */
const PHOTO = Buffer.from([0xff, 0xd8, 0x00, 0x80]);

let places = 0;

export function ldapConfig(url: string, base: string): JsonObject {
  return { url, base, bind_dn: ADMIN, password_secret: 'DIRECTORY', max_bytes: 4000 };
}

export interface LdapPlace extends ConfiguredPlace {
  readonly base: string;
}

export interface LdapPlaces {
  readonly server: Slapd;
  /** As the administrator. */
  readonly client: Client;
  /** A subtree of its own. */
  make(): Promise<LdapPlace>;
  stop(): Promise<void>;
}

export async function startLdapPlaces(): Promise<LdapPlaces> {
  const server = await startSlapd();
  const client = await server.client();
  await client.add(SUFFIX, { objectClass: ['organization', 'dcObject'], dc: 'example', o: 'Example' });
  return {
    server,
    client,
    make: () => makePlace(server, client),
    stop: async () => {
      await client.unbind();
      await server.stop();
    },
  };
}

async function makePlace(server: Slapd, client: Client): Promise<LdapPlace> {
  const base = `ou=place ${++places},${SUFFIX}`;
  const ann = `uid=ann,${base}`;
  const bob = `uid=bob,${base}`;
  const staff = `cn=staff,${base}`;
  await client.add(base, { objectClass: 'organizationalUnit', ou: `place ${places}` });
  await client.add(ann, [
    new Attribute({ type: 'objectClass', values: ['inetOrgPerson'] }),
    ...Object.entries({ uid: 'ann', cn: 'Ann', sn: 'Ä', userPassword: STORED_PASSWORD }).map(
      ([type, value]) => new Attribute({ type, values: [value] }),
    ),
    new Attribute({ type: 'mail', values: ['ann@example.org', 'a@example.org'] }),
    new Attribute({ type: 'jpegPhoto', values: [PHOTO] }),
  ]);
  await client.add(bob, { objectClass: 'inetOrgPerson', uid: 'bob', cn: 'Bob', sn: 'B' });
  await client.add(staff, { objectClass: 'groupOfNames', cn: 'staff', member: [ann, bob] });
  /** The same in every place. */
  const own = (value: Buffer) =>
    value
      .toString('latin1')
      .replaceAll(base, '')
      .replaceAll(base.slice(3, base.indexOf(',')), '');
  const everything = async () => {
    const { searchEntries } = await client.search(base, {
      scope: 'sub',
      attributes: ['*'],
      explicitBufferAttributes: ['jpegPhoto', 'userPassword'],
    });
    return searchEntries;
  };
  const config = ldapConfig(server.url, base);
  return {
    base,
    id: 'people',
    configuration: { kind: 'ldap', ...config },
    secret_values: LDAP_SECRETS,
    open: () => openLdapConnector('people', config),
    digest: async () =>
      sha256(
        (await everything())
          .map(({ dn, ...attributes }) => [
            own(Buffer.from(dn)),
            Object.entries(attributes)
              .map(([name, given]) => [
                name,
                [given]
                  .flat()
                  .map((value) => own(Buffer.from(value)))
                  .sort(),
              ])
              .sort(),
          ])
          .sort(),
      ),
    samples: [
      operation('add', {
        dn: `uid=cyd\\2c x,${base}`,
        attributes: { objectClass: ['inetOrgPerson'], uid: ['cyd, x'], cn: ['Cyd'], sn: ['C'] },
      }),
      operation('modify', {
        dn: `UID=Ann , ${base}`,
        changes: [
          { operation: 'add', attribute: 'mail', values: ['third@example.org'] },
          { operation: 'delete', attribute: 'jpegPhoto' },
          { operation: 'replace', attribute: 'sn', values: ['Berg'] },
          { operation: 'replace', attribute: 'userPassword', values: [{ $secret: 'new/password' }] },
        ],
      }),
      operation('delete', { dn: ann }),
      operation('add-member', { group: staff, members: [`uid=Zoe, ${base}`] }),
      operation('remove-member', { group: staff, members: [`UID=BOB,${base}`] }),
    ],
    too_large: [
      operation('modify', {
        dn: bob,
        changes: [{ operation: 'replace', attribute: 'description', values: ['x'.repeat(4000)] }],
      }),
    ],
    random: (choose) => {
      const uid = pick(choose, ['ann', 'bob', 'eve']);
      const dn = `uid=${uid},${base}`;
      switch (choose(5)) {
        case 0:
          return operation('add', {
            dn,
            attributes: {
              objectClass: ['inetOrgPerson'],
              uid: [uid],
              cn: [uid],
              sn: [pick(choose, ['x', 'ä '])],
            },
          });
        case 1:
          return operation('delete', { dn });
        case 2:
          return operation('add-member', { group: staff, members: [dn] });
        case 3:
          return operation('remove-member', { group: staff, members: [dn] });
        default: {
          const kind = pick(choose, ['add', 'delete', 'replace']);
          const attribute = pick(choose, ['mail', 'description']);
          // An address is ASCII by the schema, of which dry runs know nothing.
          const values = [pick(choose, ['a@example.org', 'x', attribute === 'mail' ? 'y' : 'é'])];
          return operation('modify', { dn, changes: [{ operation: kind, attribute, values }] });
        }
      }
    },
    disturb: async (plan) => {
      const { dn, group } = plan.params as { dn?: string; group?: string };
      const name = (dn ?? group)!;
      const description = new Attribute({ type: 'description', values: [`foreign ${++places}`] });
      const change = new Change({ operation: 'replace', modification: description });
      await client.modify(name, change).catch(async (error: { code?: number }) => {
        if (error.code !== 32) throw error;
        const uid = /^uid=(?:cyd|(\w+))/i.exec(name)?.[1] ?? 'cyd, x';
        await client.add(name, {
          objectClass: 'inetOrgPerson',
          uid,
          cn: 'F',
          sn: 'F',
          description: 'foreign',
        });
      });
    },
    secrets: [...Object.values(LDAP_SECRETS), STORED_PASSWORD],
    remove: async () => {
      const dns = (await everything()).map(({ dn }) => dn).sort((one, other) => other.length - one.length);
      for (const dn of dns.filter((dn) => dn !== base)) await client.del(dn);
      await client.del(base);
    },
  };
}
