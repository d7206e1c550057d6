/**
 * URLs of ledgers in PostgreSQL: `postgres://user@host:5432/database?ledger=NAME`.
 *
 * Several hosts, separated by commas, are tried in order, and a writer passes over those that are standbys. `prefer`,
 * `require` and `verify-ca` are taken for verify-full, unless uselibpqcompat=true asks for what libpq means by them. Passwords come from PGPASSWORD or ~/.pgpass; one in the URL works, and is never shown.
 *
 * Errors:  LEDGER_URL, without anything of the URL that may be a secret.
 * Pure:    no I/O.
 */
import { checkLedgerName, IndelibleError } from '@indelible/core';

export interface PostgresPlace {
  /** For `pg`, a host each. They may hold a password. */
  readonly connections: readonly string[];
  /** Null when the URL names none. */
  readonly ledger: string | null;
  /** Hosts and database, without credentials. */
  readonly shown: string;
}

const FORM = /^postgres(?:ql)?:\/\/(?:([^@/?#]*)@)?([^@/?#]*)(?:\/([^/?#]*))?(?:\?([^#]*))?$/;
/** What the URL may say besides the ledger's name; `pg` knows what it means. */
const DRIVERS_OWN = [
  ...['sslmode', 'sslcert', 'sslkey', 'sslrootcert', 'sslnegotiation', 'uselibpqcompat'],
  ...['host', 'port', 'application_name', 'options'],
];
const WEAKER_MODES = ['prefer', 'require', 'verify-ca'];
const HOSTS_MAX = 8;

export function parsePostgresUrl(url: string): PostgresPlace {
  const match = FORM.exec(url);
  if (match === null) throw invalid('its form is postgres://user@host:5432/database?ledger=NAME');
  const [, login = '', authority = '', database = '', query = ''] = match;
  const options = new URLSearchParams(query);
  const names = options.getAll('ledger');
  options.delete('ledger');
  for (const name of new Set(options.keys())) {
    if (!DRIVERS_OWN.includes(name)) throw invalid(`it takes no ${name.slice(0, 40)}`);
    if (options.getAll(name).length > 1) throw invalid(`it takes one ${name}`);
  }
  const hosts = authority.split(',');
  if (hosts.length > HOSTS_MAX) throw invalid(`it takes at most ${HOSTS_MAX} hosts`);
  // What `pg` makes of them, too, but with a warning on standard error.
  if (WEAKER_MODES.includes(options.get('sslmode') ?? '') && options.get('uselibpqcompat') !== 'true')
    options.set('sslmode', 'verify-full');
  const rest = options.size === 0 ? '' : `?${options}`;
  return {
    connections: hosts.map((host) => connectionTo(login, host, database, rest)),
    ledger: ledgerIn(names),
    shown: `postgres://${authority}/${database}`,
  };
}

function connectionTo(login: string, host: string, database: string, rest: string): string {
  const connection = `postgres://${login === '' ? '' : `${login}@`}${host}/${database}${rest}`;
  // What WHATWG takes for no URL is none to `pg`, whose complaint would quote it. A socket has no host.
  if (host !== '' && !URL.canParse(connection)) throw invalid('a host or port in it is none');
  return connection;
}

function ledgerIn(names: readonly string[]): string | null {
  const [name, ...more] = names;
  if (name === undefined) return null;
  if (more.length > 0) throw invalid('it takes one ledger=NAME');
  try {
    checkLedgerName(name);
  } catch (error) {
    throw invalid(error instanceof Error ? error.message : 'the name of the ledger is none');
  }
  return name;
}

function invalid(problem: string): IndelibleError {
  return new IndelibleError('LEDGER_URL', `this postgres: URL cannot be used: ${problem}`);
}
