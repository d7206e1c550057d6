/**
 * Policy files: which logs to believe, which witnesses to know, and which of them must have cosigned.
 *
 *     log <verifier key> [<url>]
 *     witness <name> <verifier key> [<url>]
 *     group <name> all|any|<k> <member>...
 *     quorum <name>|none
 *
 * Shapes:  names and URLs are opaque: compared byte for byte, never normalised.
 * Errors:  POLICY_INVALID with the number of the line.
 * Source:  c2sp.org/tlog-policy. One thing is stricter: names and URLs must be UTF-8; comments need not be.
 * Pure:    no I/O.
 */
import { IndelibleError, isIndelibleError } from '../errors.ts';
import { formatVerifierKey, parseVerifierKey, type VerifierKey } from '../note/verifier-key.ts';

/** The longest policy that is read, and the most logs, the most witnesses and the most groups in one. */
export const POLICY_BYTES_MAX = 2_000_000;
export const POLICY_ENTRIES_MAX = 256;

/** A log to believe; the name of its key is its origin. */
export interface PolicyLog {
  readonly key: VerifierKey;
  readonly url: string | null;
}

/** A witness. The name is the policy's own; the key may have another. */
export interface PolicyWitness {
  readonly name: string;
  readonly key: VerifierKey;
  readonly url: string | null;
}

/** Met when at least `threshold` of the members are: witnesses that cosigned, or groups that are met. */
export interface PolicyGroup {
  readonly name: string;
  readonly threshold: number;
  readonly members: readonly string[];
}

/** A policy. Everything it refers to comes before the reference. */
export interface Policy {
  readonly logs: readonly PolicyLog[];
  readonly witnesses: readonly PolicyWitness[];
  readonly groups: readonly PolicyGroup[];
  /** The name of a witness or a group, or `none`. */
  readonly quorum: string;
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();
const NEWLINE = 0x0a;

/** Reads a policy file. Comments, empty lines and extra white space are passed over, and not kept. */
export function parsePolicy(source: Uint8Array | string): Policy {
  if (source.length > POLICY_BYTES_MAX) throw invalid(`a policy has at most ${POLICY_BYTES_MAX} bytes`);
  if (typeof source === 'string' && !source.isWellFormed()) throw invalid('a policy is well-formed Unicode');
  const bytes = typeof source === 'string' ? encoder.encode(source) : source;
  if (bytes.at(-1) !== NEWLINE) throw invalid('every line of a policy ends in a newline');
  const builder = new PolicyBuilder();
  for (let start = 0, number = 1; start < bytes.length; number++) {
    const end = bytes.indexOf(NEWLINE, start);
    try {
      const items = itemsOf(bytes.subarray(start, end));
      if (items.length > 0) builder.add(items);
    } catch (error) {
      // Also a verifier key's: whoever reads the message must find the line.
      if (!isIndelibleError(error)) throw error;
      throw invalid(`line ${number}: ${error.message}`, number);
    }
    start = end + 1;
  }
  return builder.policy();
}

/** Writes a policy: logs, witnesses, groups, quorum; `all` and `any` where they say the same as a number. */
export function formatPolicy(policy: Policy): string {
  const lines = [
    ...policy.logs.map(({ key, url }) => ['log', formatVerifierKey(key), ...(url === null ? [] : [url])]),
    ...policy.witnesses.map(({ name, key, url }) => [
      ...['witness', name, formatVerifierKey(key)],
      ...(url === null ? [] : [url]),
    ]),
    ...policy.groups.map(({ name, threshold, members }) => {
      const word = threshold === members.length ? 'all' : threshold === 1 ? 'any' : String(threshold);
      return ['group', name, word, ...members];
    }),
    ['quorum', policy.quorum],
  ];
  const text = lines.map((items) => `${items.join(' ')}\n`).join('');
  // What was put together by hand obeys the same rules, and no name can smuggle in a line.
  if (!isSamePolicy(parsePolicy(text), policy))
    throw invalid('a name or URL holds white space or starts a comment');
  return text;
}

class PolicyBuilder {
  readonly #logs: PolicyLog[] = [];
  readonly #witnesses: PolicyWitness[] = [];
  readonly #groups: PolicyGroup[] = [];
  readonly #defined = new Set<string>();
  readonly #members = new Set<string>();
  #quorum: string | null = null;

  add([keyword, ...items]: readonly string[]): void {
    if (keyword === 'log') this.#addLog(items);
    else if (keyword === 'witness') this.#addWitness(items);
    else if (keyword === 'group') this.#addGroup(items);
    else if (keyword === 'quorum') this.#setQuorum(items);
    else throw invalid('a line starts with log, witness, group, quorum or #');
  }

  policy(): Policy {
    if (this.#quorum === null) throw invalid('a policy has a line that says which quorum, be it none');
    return { logs: this.#logs, witnesses: this.#witnesses, groups: this.#groups, quorum: this.#quorum };
  }

  #addLog(items: readonly string[]): void {
    const [text, url = null] = items;
    if (text === undefined || items.length > 2) throw invalid('it must be: log <verifier key> [<url>]');
    const key = parseVerifierKey(text);
    this.#checkNew(this.#logs, key, 'log');
    this.#logs.push({ key, url });
  }

  #addWitness(items: readonly string[]): void {
    const [name, text, url = null] = items;
    if (name === undefined || text === undefined || items.length > 3) {
      throw invalid('it must be: witness <name> <verifier key> [<url>]');
    }
    const key = parseVerifierKey(text);
    if (key.type === 'ed25519') throw invalid('a witness has a cosignature key');
    this.#checkNew(this.#witnesses, key, 'witness');
    this.#define(name);
    this.#witnesses.push({ name, key, url });
  }

  #addGroup(items: readonly string[]): void {
    const [name, word, ...members] = items;
    if (name === undefined || word === undefined || members.length === 0) {
      throw invalid('it must be: group <name> all|any|<k> <member>...');
    }
    if (this.#groups.length >= POLICY_ENTRIES_MAX) throw tooMany('group');
    const threshold = word === 'all' ? members.length : word === 'any' ? 1 : thresholdOf(word);
    if (threshold > members.length)
      throw invalid(`${threshold} of ${members.length} members can never be met`);
    for (const member of members) {
      // Also keeps a group from holding itself: its name is defined after this.
      if (!this.#defined.has(member)) throw invalid(`no line above defines ${member}`);
      if (this.#members.has(member)) throw invalid(`${member} is a member twice`);
      this.#members.add(member);
    }
    this.#define(name);
    this.#groups.push({ name, threshold, members });
  }

  #setQuorum(items: readonly string[]): void {
    const [name] = items;
    if (name === undefined || items.length > 1) throw invalid('it must be: quorum <name>');
    if (this.#quorum !== null) throw invalid('there is a quorum already');
    if (name !== 'none' && !this.#defined.has(name)) throw invalid(`no line above defines ${name}`);
    this.#quorum = name;
  }

  #define(name: string): void {
    if (name === 'none') throw invalid('none is the name of the empty quorum');
    if (this.#defined.has(name)) throw invalid(`${name} is defined twice`);
    this.#defined.add(name);
  }

  /** Keys are the same when the public key is, whatever name or kind of signature it goes by. */
  #checkNew(known: readonly { readonly key: VerifierKey }[], key: VerifierKey, what: string): void {
    if (known.length >= POLICY_ENTRIES_MAX) throw tooMany(what);
    if (known.some((other) => isSameBytes(other.key.public_key, key.public_key))) {
      throw invalid(`this ${what} is there already: the public key is the same`);
    }
  }
}

/** The items of a line, none for a comment. */
function itemsOf(line: Uint8Array): string[] {
  for (const byte of line) {
    if ((byte < 0x20 && byte !== 0x09) || byte === 0x7f)
      throw invalid('there are no control characters but tab');
  }
  const first = line.find((byte) => byte !== 0x20 && byte !== 0x09);
  if (first === undefined || first === 0x23) return [];
  return decodeUtf8(line)
    .split(/[ \t]+/)
    .filter((item) => item !== '');
}

function thresholdOf(word: string): number {
  if (!/^[1-9][0-9]{0,8}$/.test(word)) throw invalid('how many is all, any, or a number from 1 on');
  return Number(word);
}

function isSamePolicy(a: Policy, b: Policy): boolean {
  const parts = ({ logs, witnesses, groups, quorum }: Policy): string =>
    JSON.stringify([
      logs.map(({ key, url }) => [formatVerifierKey(key), url]),
      witnesses.map(({ name, key, url }) => [name, formatVerifierKey(key), url]),
      groups.map(({ name, threshold, members }) => [name, threshold, members]),
      quorum,
    ]);
  return parts(a) === parts(b);
}

function isSameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw invalid('names and URLs are valid UTF-8');
  }
}

function tooMany(what: string): IndelibleError {
  return invalid(`a policy has at most ${POLICY_ENTRIES_MAX} entries of the kind ${what}`);
}

function invalid(message: string, line?: number): IndelibleError {
  return new IndelibleError('POLICY_INVALID', message, line === undefined ? {} : { details: { line } });
}
