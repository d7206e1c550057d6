/** An outbox in memory, whose operations can be made to fail: before they have their effect, or after. */
import { IndelibleError } from '@indelible/core';
import { Ledger } from '../../packages/indelible/src/ledger/ledger.ts';
import type {
  Lease,
  Outbox,
  OutboxLag,
  RefusedEvent,
  SealedKey,
  Sweep,
  WaitingEvent,
  WaitingPart,
} from '../../packages/indelible/src/outbox/contract.ts';
import type { Head, LineBatch, LogStore } from '../../packages/indelible/src/stores/contract.ts';
import { openMemoryStore } from '../../packages/indelible/src/stores/memory.ts';

export const LEDGER = 'acme.example/outbox';

export class MemoryOutbox implements Outbox {
  readonly url = 'memory:';
  readonly ledger_name = LEDGER;
  readonly log: LogStore;
  readonly rows = new Map<number, string>();
  readonly refused: RefusedEvent[] = [];
  /** Called at the beginning of each `seal`, and once it has had its effect. */
  before_seal: (batch: LineBatch) => Promise<void> | void = () => {};
  after_seal: () => void = () => {};
  epoch = 0;
  holder = '';
  idle_calls = 0;
  seals = 0;
  at_once = 0;
  at_once_max = 0;
  #next = 1;
  #wake = Promise.withResolvers<void>();
  #last: Promise<unknown> = Promise.resolve();

  private constructor(log: LogStore) {
    this.log = log;
  }

  /** Over a ledger with its first record. */
  static async make(): Promise<MemoryOutbox> {
    const store = openMemoryStore();
    await Ledger.open({ store, name: LEDGER });
    return new MemoryOutbox(store);
  }

  /** Leaves an event, or any text, and returns its position. */
  leave(event: object | string): number {
    const position = this.#next++;
    this.rows.set(position, typeof event === 'string' ? event : JSON.stringify(event));
    this.wake();
    return position;
  }

  wake(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers<void>();
  }

  async lead(holder: string, seconds: number): Promise<Lease> {
    if (seconds === 0) {
      if (this.holder === holder) this.holder = '';
      return { is_leader: false, epoch: this.epoch };
    }
    if (this.holder === '') {
      this.holder = holder;
      this.epoch++;
    }
    return { is_leader: this.holder === holder, epoch: this.epoch };
  }

  /** As when its lead ran out. */
  depose(holder: string): void {
    this.holder = holder;
    this.epoch++;
  }

  async waiting(
    at_most: number,
    bytes_max: number,
    behind?: { readonly after: number; readonly sweep: Sweep },
  ): Promise<WaitingPart> {
    const { after, sweep } = behind ?? {
      after: -1,
      sweep: { up_to: Math.max(0, ...this.rows.keys()), seen: '' },
    };
    const found: WaitingEvent[] = [];
    let bytes = 0;
    for (const [position, event] of [...this.rows].sort(([a], [b]) => a - b)) {
      if (position <= after || position > sweep.up_to) continue;
      if (found.length === at_most || (found.length > 0 && bytes >= bytes_max)) break;
      found.push({ position, event });
      bytes += event.length;
    }
    return { events: found, sweep };
  }

  async sealedKeys(keys: readonly string[]): Promise<Map<string, SealedKey>> {
    const found = new Map<string, SealedKey>();
    for (const { seq, idempotency } of await this.records()) {
      if (idempotency !== undefined && keys.includes(idempotency.key))
        found.set(idempotency.key, { seq, digest: idempotency.digest });
    }
    return found;
  }

  async seal(
    epoch: number,
    batch: LineBatch,
    expected: Head | null,
    positions: readonly number[],
  ): Promise<void> {
    const bytes = batch.bytes.slice();
    this.at_once_max = Math.max(this.at_once_max, ++this.at_once);
    // One after the other, as a database does.
    const done = this.#last.then(() => this.#seal(epoch, { ...batch, bytes }, expected, positions));
    this.#last = done.catch(() => {});
    await done.finally(() => this.at_once--);
  }

  async #seal(
    epoch: number,
    batch: LineBatch,
    expected: Head | null,
    positions: readonly number[],
  ): Promise<void> {
    this.seals++;
    await this.before_seal(batch);
    this.#checkEpoch(epoch);
    if (positions.some((position) => !this.rows.has(position)))
      throw new IndelibleError('OUTBOX_FENCED', 'gone');
    if (batch.ends.length > 0) await this.log.append(batch, expected);
    for (const position of positions) this.rows.delete(position);
    this.after_seal();
  }

  async setAside(epoch: number, events: readonly RefusedEvent[]): Promise<void> {
    this.#checkEpoch(epoch);
    for (const event of events) if (this.rows.delete(event.position)) this.refused.push(event);
  }

  async idle(): Promise<void> {
    this.idle_calls++;
  }

  /** Only when woken: polling is for databases. */
  async waitForEvents(_ms: number, signal: AbortSignal): Promise<void> {
    const aborted = new Promise<void>((resolve) =>
      signal.addEventListener('abort', () => resolve(), { once: true }),
    );
    if (!signal.aborted) await Promise.race([this.#wake.promise, aborted]);
  }

  async lag(): Promise<OutboxLag> {
    return { waiting: this.rows.size, oldest_s: 0, refused: this.refused.length };
  }

  async close(): Promise<void> {}

  /** What the log holds behind record 0. */
  async records(): Promise<
    { seq: number; data: { n: number }; idempotency?: { key: string; digest: string } }[]
  > {
    const records = [];
    for await (const { bytes } of this.log.read(1))
      records.push(
        ...Buffer.from(bytes)
          .toString()
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line).record),
      );
    return records;
  }

  #checkEpoch(epoch: number): void {
    if (epoch !== this.epoch) throw new IndelibleError('OUTBOX_FENCED', 'another sealer leads');
  }
}
