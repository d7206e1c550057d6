/**
 * The engines of governed writes that a server has, what they are working on, and how they are doing.
 *
 * Errors:  OPERATIONS_OFF for a ledger without an engine.
 */
import { IndelibleError, isIndelibleError } from '@indelible/core';
import type { OpenedOperations } from '../compose/operations.ts';
import type { LedgerLog } from '../ledger/types.ts';
import type { Sweep } from '../operations/sweep.ts';

/** How the operations of one ledger are doing. */
export interface GovernedState {
  /** When everything that is not over was last looked at; null before the first time. */
  readonly at: string | null;
  /** How many operations are in which state. */
  readonly open: Sweep['open'];
  /** How many could not be gone on with. */
  readonly failing: number;
  /** Code of why nothing could be looked at, or null. */
  readonly fault: string | null;
  /** Code of why policy lets nothing in, or null. */
  readonly policy_fault: string | null;
}

/** What is open to everybody. */
export interface GovernedHealth extends Omit<GovernedState, 'open'> {
  readonly open: number;
  /** Of which nobody knows yet what happened. */
  readonly indeterminate: number;
  readonly needs_operator: number;
}

const NOTHING: GovernedState = { at: null, open: {}, failing: 0, fault: null, policy_fault: null };

export class Governed {
  /** By the ledger's name. */
  readonly engines: ReadonlyMap<string, OpenedOperations>;
  readonly #clock: () => number;
  readonly #log: LedgerLog | undefined;
  readonly #states = new Map<string, GovernedState>();
  readonly #sweeping = new Map<string, Promise<Sweep>>();
  readonly #working = new Set<Promise<unknown>>();

  constructor(engines: ReadonlyMap<string, OpenedOperations>, clock: () => number, log?: LedgerLog) {
    this.engines = engines;
    this.#clock = clock;
    this.#log = log;
  }

  of(ledger: string): OpenedOperations {
    const opened = this.engines.get(ledger);
    if (opened !== undefined) return opened;
    throw new IndelibleError('OPERATIONS_OFF', 'this server makes no governed writes on this ledger');
  }

  /** How a ledger's operations are doing; null without an engine. */
  state(ledger: string): GovernedState | null {
    return this.engines.has(ledger) ? (this.#states.get(ledger) ?? NOTHING) : null;
  }

  health(ledger: string): GovernedHealth | null {
    const state = this.state(ledger);
    if (state === null) return null;
    const { open, ...others } = state;
    const { indeterminate = 0, needs_operator = 0 } = open;
    const total = Object.values(open).reduce((sum, count) => sum + count, 0);
    return { ...others, open: total, indeterminate, needs_operator };
  }

  /** Does what is due. Whoever asks meanwhile gets the same answer. */
  sweep(ledger: string): Promise<Sweep> {
    const under_way = this.#sweeping.get(ledger);
    if (under_way !== undefined) return under_way;
    const sweeping = this.during(this.#sweep(ledger)).finally(() => this.#sweeping.delete(ledger));
    this.#sweeping.set(ledger, sweeping);
    return sweeping;
  }

  /** Keeps `settled` waiting for work that a client may have left. */
  during<T>(work: Promise<T>): Promise<T> {
    const settled = work.catch(() => {}).then(() => void this.#working.delete(settled));
    this.#working.add(settled);
    return work;
  }

  /** Resolves when nothing is being worked on any more. */
  async settled(): Promise<void> {
    await Promise.all(this.#working);
  }

  async #sweep(ledger: string): Promise<Sweep> {
    const { engine, policies } = this.of(ledger);
    const at = new Date(this.#clock()).toISOString();
    const policy_fault = await policies.current().then(() => null, codeOf);
    try {
      const found = await engine.sweep();
      const { open, failed } = found;
      this.#states.set(ledger, { at, open, failing: failed.length, fault: null, policy_fault });
      return found;
    } catch (error) {
      const before = this.#states.get(ledger) ?? NOTHING;
      const fault = codeOf(error);
      if (before.fault !== fault)
        this.#log?.error({ ledger, code: fault, error: String(error) }, 'operations cannot be looked at');
      this.#states.set(ledger, { ...before, at, fault, policy_fault });
      throw error;
    }
  }
}

function codeOf(error: unknown): string {
  return isIndelibleError(error) ? error.code : 'INTERNAL';
}
