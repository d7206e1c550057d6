/** The three systems of the story, as they are at its beginning: PostgreSQL, OpenLDAP and a folder, all on this machine. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { startPostgres } from '../../test/support/postgres.ts';
import { ADMIN, ADMIN_PASSWORD, SUFFIX, startSlapd } from '../../test/support/slapd.ts';

export interface Systems {
  readonly ledger_url: string;
  /** Where people's keys lie. */
  readonly keys: string;
  /** As in a file of connectors. */
  readonly connectors: object;
  readonly secret: (name: string) => Promise<string>;
  /** Names in the directory. */
  readonly group: string;
  readonly member: string;
  /** How everything is now, without any of the connectors. */
  look(): Promise<{ prices: Record<string, number>; config: string; editors: string[] }>;
  changePriceByHand(): Promise<void>;
  stop(): Promise<void>;
}

export async function startSystems(): Promise<Systems> {
  const folder = mkdtempSync(join(tmpdir(), 'indelible-story-'));
  const [postgres, slapd] = await Promise.all([startPostgres(), startSlapd()]);
  const database = new pg.Client({ connectionString: postgres.url() });
  await database.connect();
  await database.query(`
    CREATE TABLE prices (sku text PRIMARY KEY, amount integer NOT NULL CHECK (amount > 0));
    INSERT INTO prices VALUES ('apple', 129), ('pear', 149);
  `);
  const directory = await slapd.client();
  const group = `cn=offer editors,${SUFFIX}`;
  const cleo = `uid=cleo,${SUFFIX}`;
  const member = `uid=sales-bot,${SUFFIX}`;
  await directory.add(SUFFIX, { objectClass: ['organization', 'dcObject'], dc: 'example', o: 'Example' });
  await directory.add(group, { objectClass: 'groupOfNames', cn: 'offer editors', member: cleo });
  const etc = join(folder, 'etc');
  mkdirSync(etc);
  writeFileSync(join(etc, 'shop.conf'), 'banner=apples\nsale=off\n');
  mkdirSync(join(folder, 'keys'), { mode: 0o700 });

  return {
    ledger_url: `sqlite:${join(folder, 'ledger.db')}`,
    keys: join(folder, 'keys'),
    connectors: {
      shop: { kind: 'postgres', url: postgres.url(), tables: ['prices'] },
      etc: { kind: 'filesystem', root: etc },
      people: {
        kind: 'ldap',
        url: slapd.url,
        base: SUFFIX,
        bind_dn: ADMIN,
        password_secret: 'directory/password',
      },
    },
    secret: async () => ADMIN_PASSWORD,
    group,
    member,
    look: async () => {
      const { rows } = await database.query('SELECT sku, amount FROM prices ORDER BY sku');
      const { searchEntries } = await directory.search(group, { scope: 'base', attributes: ['member'] });
      return {
        prices: Object.fromEntries(rows.map(({ sku, amount }) => [sku, amount])),
        config: readFileSync(join(etc, 'shop.conf'), 'utf8'),
        editors: [searchEntries[0]!.member!].flat().map(String),
      };
    },
    changePriceByHand: async () => {
      await database.query(`UPDATE prices SET amount = 111 WHERE sku = 'pear'`);
    },
    stop: async () => {
      await database.end();
      await directory.unbind();
      await Promise.all([postgres.stop(), slapd.stop()]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
