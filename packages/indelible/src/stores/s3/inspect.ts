/**
 * Looks at the objects themselves: is each of the sequence there, is its lock what was set, what did somebody try?
 *
 * What was put over an object or hid it changed no record: the first version counts. That is noted. A lock that is less
 * than what was set, an object that is gone and a head that was altered are damage.
 */
import { ahead } from '../../s3/ahead.ts';
import type { Named, Version } from '../../s3/listing.ts';
import { isHoldLifted, lockThatWasSet, weakened } from '../../s3/lock.ts';
import type { ObjectFacts } from '../../s3/object-facts.ts';
import type { StoreFinding } from '../contract.ts';
import { ClaimList } from './claim-list.ts';
import { Findings } from './findings.ts';
import { batchFacts, type Commit, isChanging } from './layout.ts';
import { ManifestCheck } from './manifest-check.ts';
import { type OpenedLog, SETTINGS } from './open-log.ts';
import { type Found, walk } from './walk.ts';

const AT_ONCE = 24;
/** What else lies in the place, beside the batches. */
const OTHERS = ['attachments/', 'checkpoint', SETTINGS, 'log.vkey', 'manifests/', 'tile/'];

/** Repairs nothing. One request for each object, and one for a thousand names. */
export async function inspectLog(
  log: OpenedLog,
  { now, verifier_keys }: { readonly now: number; readonly verifier_keys: readonly string[] },
): Promise<StoreFinding[]> {
  const findings = new Findings();
  const manifests = await ManifestCheck.begin(log, findings, verifier_keys);
  await new BatchInspection(log, findings, now, manifests).run();
  manifests.end(findings);
  await Promise.all(OTHERS.map((name) => inspectOthers(log, name, findings, now)));
  return findings.list();
}

/** The batches, in order. */
class BatchInspection {
  readonly #log: OpenedLog;
  readonly #findings: Findings;
  readonly #now: number;
  readonly #claims: ClaimList | null;
  readonly #manifests: ManifestCheck;
  #locked = 0;
  #not_locked = 0;
  /** The record that comes next; null before the first batch. */
  #next: number | null = null;
  /** What its writers knew to be durable. */
  readonly #left: { readonly slot: number; readonly key: string; readonly confirmed_seq: number }[] = [];

  constructor(log: OpenedLog, findings: Findings, now: number, manifests: ManifestCheck) {
    this.#manifests = manifests;
    this.#log = log;
    this.#findings = findings;
    this.#now = now;
    this.#claims = log.heads === null ? null : new ClaimList(log.heads);
  }

  async run(): Promise<void> {
    const { bucket, commits, head } = this.#log;
    const last = await head.fresh();
    const found = walk({
      bucket,
      prefix: `${this.#log.prefix}log/`,
      commits,
      start: 0,
      head_slot: last?.slot ?? -1,
    });
    for await (const { item, result } of ahead(found, (one) => this.#facts(one), { count_max: AT_ONCE })) {
      if (item.kind === 'batch') await this.#batch(item, result);
      else if (item.kind === 'unlisted') await this.#unlisted(item.commit, result);
      else if (item.kind === 'left') this.#notCounted(item, result);
      else if (item.kind === 'gap') this.#missing(item.from, item.to);
      else this.#foreign(item.named);
    }
    await this.#end(last);
  }

  async #facts(found: Found): Promise<ObjectFacts | null> {
    const { bucket } = this.#log;
    if (found.kind === 'batch' || found.kind === 'left')
      return bucket.head(found.named.key, found.named.versions[0]!.version_id);
    return found.kind === 'unlisted' ? bucket.head(found.commit.key, found.commit.version_id) : null;
  }

  async #batch({ slot, named }: Found & { kind: 'batch' }, facts: ObjectFacts | null): Promise<void> {
    attempts(named, this.#findings);
    if (facts === null) return this.#missing(slot, slot + 1);
    this.#manifests.add(slot, named.key, facts.version_id);
    const said = batchFacts(facts.metadata);
    if (said === null) {
      this.#findings.add('unexpected_file', `${named.key} is no batch of ours`, { damage: true, seq: slot });
      return;
    }
    await this.#lock(named.key, facts, slot);
    this.#follows(said.first_seq);
    this.#next = said.last_seq + 1;
    const { first_seq, last_seq, hash, nonce } = said;
    const commit = { slot, first_seq, last_seq, hash, key: named.key, nonce };
    // Of a batch that was put twice, because an answer was lost, the claim names the one that was answered.
    await this.#claimed(sameAsFirst(named.versions).map(({ version_id }) => ({ ...commit, version_id })));
  }

  /** A server may be slow to list what is there. */
  async #unlisted(commit: Commit, facts: ObjectFacts | null): Promise<void> {
    if (facts === null) this.#missing(commit.first_seq, commit.last_seq + 1);
    else {
      this.#manifests.add(commit.slot, commit.key, commit.version_id);
      await this.#lock(commit.key, facts, commit.slot);
    }
    this.#next = commit.last_seq + 1;
    await this.#claimed([commit]);
  }

  async #lock(key: string, facts: ObjectFacts, slot: number): Promise<void> {
    if (lockThatWasSet(facts.metadata) === null) this.#not_locked++;
    else this.#locked++;
    await lockOf(this.#log, key, facts, this.#findings, this.#now, slot);
  }

  #follows(first_seq: number): void {
    // Nothing is ever truncated here: a log that does not begin with its first batch lost it.
    if (this.#next !== null && first_seq > this.#next) this.#missing(this.#next, first_seq);
  }

  /** What the claim may say: any of these. */
  async #claimed(commits: readonly Commit[]): Promise<void> {
    if (this.#claims === null) return;
    const verdict = await this.#claims.compare(commits);
    if (verdict === 'same') return;
    const { first_seq } = commits[0]!;
    const { place } = this.#log.heads!.bucket;
    const detail =
      verdict === 'missing'
        ? `the claim of the records from ${first_seq} on is gone from ${place}`
        : `the claim of the records from ${first_seq} on is not what was written to ${place}`;
    this.#findings.add('head_altered', detail, { damage: true, seq: first_seq });
  }

  #notCounted({ slot, named }: Found & { kind: 'left' }, facts: ObjectFacts | null): void {
    const confirmed_seq = facts === null ? -1 : (batchFacts(facts.metadata)?.confirmed_seq ?? -1);
    this.#left.push({ slot, key: named.key, confirmed_seq });
  }

  #missing(from: number, to: number): void {
    const what = to - from === 1 ? `record ${from}` : `the records from ${from} to ${to - 1}`;
    this.#findings.add('segment_missing', `the object with ${what} is gone`, { damage: true, seq: from });
    this.#next = to;
  }

  #foreign(named: Named): void {
    if (named.versions.length === 0) attempts(named, this.#findings);
    else this.#findings.add('unexpected_file', `${named.key} is none of the ledger's objects`);
  }

  /** Whether the ledger itself was locked when it was made, as batches then are. */
  async #begunLocked(): Promise<boolean> {
    const { bucket, prefix } = this.#log;
    const first = await bucket.first(`${prefix}${SETTINGS}`);
    const facts = first === null ? null : await bucket.head(`${prefix}${SETTINGS}`, first.version_id);
    return facts !== null && lockThatWasSet(facts.metadata) !== null;
  }

  async #end(last: Commit | null): Promise<void> {
    const now = await this.#log.head.fresh();
    const end = now?.last_seq ?? -1;
    if (last !== null && this.#next !== null && this.#next <= last.last_seq)
      this.#missing(this.#next, last.last_seq + 1);
    if (this.#not_locked > 0 && (this.#locked > 0 || (await this.#begunLocked()))) {
      const detail = `${this.#not_locked} of ${this.#locked + this.#not_locked} batches were put without a lock`;
      this.#findings.add('not_locked', detail);
    }
    const confirmed = Math.max(-1, ...this.#left.map((one) => one.confirmed_seq));
    if (confirmed > end) {
      const detail = `the head is at record ${end}, but record ${confirmed} was durable: the head was set back`;
      this.#findings.add('head_altered', detail, { damage: true, seq: end + 1 });
    }
    for (const { slot, key, confirmed_seq } of this.#left) {
      // What was appended while we looked is no leftover, and what a head that was set back left behind is none.
      const since = slot > (last?.slot ?? -1) && slot <= (now?.slot ?? -1);
      if (!since && confirmed_seq <= end)
        this.#findings.add(
          'leftover_file',
          `${key} was put by an append that did not succeed; it does not count`,
        );
    }
  }
}

async function inspectOthers(log: OpenedLog, name: string, findings: Findings, now: number): Promise<void> {
  const { bucket, prefix } = log;
  const items = (async function* (): AsyncGenerator<{ readonly named: Named; readonly first: Version }> {
    for await (const names of bucket.names({ prefix: `${prefix}${name}` })) {
      for (const named of names) {
        const [first] = named.versions;
        if (isChanging(named.key.slice(prefix.length)))
          attempts({ ...named, versions: named.versions.slice(0, 1) }, findings);
        else attempts(named, findings);
        if (first !== undefined) yield { named, first };
      }
    }
  })();
  const looked = ahead(items, ({ named, first }) => bucket.head(named.key, first.version_id), {
    count_max: AT_ONCE,
  });
  for await (const { item, result } of looked)
    if (result !== null) await lockOf(log, item.named.key, result, findings, now);
}

/** A request that was sent again, because its answer was lost, puts the same again. */
function sameAsFirst(versions: readonly Version[]): readonly Version[] {
  const [first] = versions;
  return versions.filter(({ etag, size }) => etag === first!.etag && size === first!.size);
}

/** What somebody did to an object that cannot be changed. */
function attempts({ key, versions, hidden }: Named, findings: Findings): void {
  const [first] = versions;
  if (hidden) {
    const detail =
      first === undefined ? 'was deleted' : 'was deleted; the version below the marker is there, and counts';
    findings.add('delete_attempted', `${key} ${detail}`);
  }
  const others = versions.length - sameAsFirst(versions).length;
  if (others > 0) {
    const times = others === 1 ? '' : ` ${others} times`;
    findings.add(
      'overwrite_attempted',
      `${key} was overwritten${times}; its first version is there, and counts`,
    );
  }
}

async function lockOf(
  { bucket }: OpenedLog,
  key: string,
  { metadata, lock, version_id }: ObjectFacts,
  findings: Findings,
  now: number,
  seq?: number,
): Promise<void> {
  const set = lockThatWasSet(metadata);
  if (set === null) return;
  if (set.retain_until !== null && lock.retain_until === null && set.retain_until > now) {
    // Not every reader is told about retention.
    const has = await bucket.hasRetention(key, version_id);
    if (has === null) {
      findings.once(
        'not_locked',
        'these credentials may not see the retention of objects: it was not checked',
      );
      return;
    }
  }
  const less = weakened(set, lock, now);
  if (less !== null)
    findings.add('lock_weakened', `${key} ${less}`, { damage: true, ...(seq === undefined ? {} : { seq }) });
  if (isHoldLifted(set, lock)) findings.add('lock_weakened', `the legal hold of ${key} was lifted`);
}
