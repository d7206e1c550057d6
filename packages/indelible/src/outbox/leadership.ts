/**
 * Whether this process leads the sealers of an outbox: asked, and asked again well before the lease runs out.
 *
 * Errors:  those of the outbox.
 */
import type { Lease, Outbox } from './contract.ts';

/** How much of its time is left when the lead is renewed, and how often in that time somebody who does not lead asks. */
const RENEW_AT = 0.7;
const STANDBY_ASKS = 5;

export class Leadership {
  readonly #outbox: Pick<Outbox, 'lead'>;
  readonly #holder: string;
  readonly #lease_s: number;
  readonly #taken: (epoch: number) => void;
  #lease: Lease = { is_leader: false, epoch: 0 };
  #renewed_at = Number.NEGATIVE_INFINITY;

  /** `taken` is told each time that the lead was another's, or nobody's, before. */
  constructor(outbox: Pick<Outbox, 'lead'>, holder: string, lease_s: number, taken: (epoch: number) => void) {
    this.#outbox = outbox;
    this.#holder = holder;
    this.#lease_s = lease_s;
    this.#taken = taken;
  }

  get is_leader(): boolean {
    return this.#lease.is_leader;
  }

  /** What is sealed under it is fenced off once another leads. */
  get epoch(): number {
    return this.#lease.epoch;
  }

  /** How long to wait before asking again for a lead that is another's. */
  get standby_ms(): number {
    return (this.#lease_s * 1000) / STANDBY_ASKS;
  }

  async holds(): Promise<boolean> {
    if (this.is_leader && performance.now() - this.#renewed_at < this.#lease_s * 1000 * (1 - RENEW_AT))
      return true;
    const asked_at = performance.now();
    const lease = await this.#outbox.lead(this.#holder, this.#lease_s);
    const is_new = lease.is_leader && (!this.is_leader || lease.epoch !== this.epoch);
    this.#lease = lease;
    this.#renewed_at = asked_at;
    if (is_new) this.#taken(lease.epoch);
    return lease.is_leader;
  }

  /** After a fault: asks before anything else is sealed. */
  doubt(): void {
    this.#renewed_at = Number.NEGATIVE_INFINITY;
  }

  /** Another one leads. */
  lost(): void {
    this.#lease = { ...this.#lease, is_leader: false };
  }

  /** Lets another one lead at once, who would otherwise have to wait until the lease runs out. */
  async resign(): Promise<void> {
    if (!this.is_leader) return;
    this.lost();
    await this.#outbox.lead(this.#holder, 0).catch(() => {});
  }
}
