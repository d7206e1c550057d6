/**
 * Verifications of the ledgers that are served, asked for or on schedule: one at a time, each recorded as
 * `ledger.verified`, the last of each ledger shown in health and metrics.
 *
 * Errors:  VERIFY_RUNNING; those of `verifyLedger`.
 */
import { IndelibleError, isIndelibleError } from '@indelible/core';
import { openStoredProofs, proofsInMemory, verifiedPosition } from '../compose/verification.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { LedgerLog, VerifyReport } from '../ledger/types.ts';
import { LEDGER_VERIFIED, verifiedEvent } from '../verification/verified-event.ts';
import { verifyLedger } from '../verification/verify-ledger.ts';

/** The last verification of a ledger; open to everybody, so it says nothing about what is recorded. */
export interface VerificationState {
  /** RFC 3339. */
  readonly at: string;
  readonly mode: 'full' | 'incremental';
  /** Records that were there. */
  readonly size: number;
  readonly result: 'verified' | 'tampering' | 'incomplete';
  readonly grade: string | null;
  readonly duration_ms: number;
  /** Code of what kept it from checking; null otherwise. */
  readonly fault: string | null;
}

export interface VerifyRequest {
  /** Goes on from the last one where that can be relied on. */
  readonly incremental?: boolean;
  readonly signal: AbortSignal;
}

export class Verifications {
  readonly #clock: () => number;
  readonly #log: LedgerLog | undefined;
  readonly #last = new Map<string, VerificationState>();
  #running = false;

  constructor(clock: () => number, log?: LedgerLog) {
    this.#clock = clock;
    this.#log = log;
  }

  /** Null before the first in this process. */
  last(ledger: string): VerificationState | null {
    return this.#last.get(ledger) ?? null;
  }

  /** Verifies and records. The report is returned also when it could not be recorded: that is logged. */
  async run(ledger: Ledger, request: VerifyRequest): Promise<VerifyReport> {
    if (this.#running) {
      throw new IndelibleError('VERIFY_RUNNING', 'a verification is under way', {
        details: { retry_after_s: 1 },
      });
    }
    this.#running = true;
    const started = performance.now();
    try {
      const { report, mode } = await this.#verify(ledger, request);
      const { graded, duration_ms, detail, damage, first_bad_seq } = report;
      const { result, grade, size } = graded;
      this.#note(ledger, { mode, size, result, grade, duration_ms, fault: null });
      if (result === 'tampering')
        this.#log?.error(
          { ledger: ledger.name, damage, first_bad_seq, detail },
          'VERIFICATION FOUND TAMPERING; recording goes on',
        );
      else if (result === 'incomplete')
        this.#log?.warn({ ledger: ledger.name, detail }, 'the ledger could not be verified wholly');
      await this.#record(ledger, () => ledger.recordOwn(verifiedEvent(ledger.name, report, mode)));
      return report;
    } catch (error) {
      const code = request.signal.aborted
        ? 'VERIFY_INCOMPLETE'
        : isIndelibleError(error)
          ? error.code
          : 'INTERNAL';
      const duration_ms = Math.round(performance.now() - started);
      const mode = request.incremental === true ? 'incremental' : 'full';
      this.#note(ledger, { mode, size: 0, result: 'incomplete', grade: null, duration_ms, fault: code });
      const resource = { type: 'ledger', id: ledger.name };
      const data = { verdict: 'not_checked', code };
      await this.#record(ledger, () =>
        ledger.recordOwn({ action: LEDGER_VERIFIED, resource, outcome: 'error', data }),
      );
      throw error;
    } finally {
      this.#running = false;
    }
  }

  async #verify(ledger: Ledger, { incremental = false, signal }: VerifyRequest) {
    const { store, index, attachments, keyring, transparency, url } = ledger;
    const in_memory = url.startsWith('memory:');
    const stored = in_memory
      ? transparency === null
        ? null
        : proofsInMemory(transparency)
      : await openStoredProofs(url);
    const position = in_memory ? null : verifiedPosition(url);
    try {
      return await verifyLedger({
        store,
        stored,
        keys: keyring.keys,
        signal,
        incremental,
        clock: this.#clock,
        ...(position === null ? {} : { position }),
        ...(index === null ? {} : { index }),
        ...(attachments === null ? {} : { attachments }),
      });
    } finally {
      await stored?.close();
    }
  }

  #note(ledger: Ledger, state: Omit<VerificationState, 'at'>): void {
    this.#last.set(ledger.name, { at: new Date(this.#clock()).toISOString(), ...state });
  }

  /** A damaged ledger may refuse the record of its damage; whoever asked must hear of it all the same. */
  async #record(ledger: Ledger, work: () => Promise<unknown>): Promise<void> {
    await work().catch((error: unknown) =>
      this.#log?.error({ ledger: ledger.name, error: String(error) }, 'the verdict could not be recorded'),
    );
  }
}
