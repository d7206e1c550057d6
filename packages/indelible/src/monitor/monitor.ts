/**
 * Follows a log from outside, knowing its address and its key alone: remembers the newest state that it trusts, and
 * says so when the log contradicts it. One monitor for one state file.
 *
 * The first state seen is trusted as it is; everything later must extend it. After a contradiction the trusted state
 * stays where it was, so that each later look finds it again.
 *
 * Errors:  MONITOR_STATE, REMOTE_URL, VERIFIER_KEY_INVALID. What the log does or does not answer is in the report.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { IndelibleError, isIndelibleError, type Policy, parseVerifierKey } from '@indelible/core';
import type { Fetch } from '../outbound.ts';
import { Alerts } from './alerts.ts';
import { findingOf, headOf } from './finding-of.ts';
import { type MonitorFinding, type MonitorReport, verdictOf } from './findings.ts';
import { logSource, textSource } from './log-source.ts';
import { type Look, type LookOptions, lookAt, NO_ENTRIES } from './look.ts';
import type { LogIdentity } from './shown-checkpoint.ts';
import { type MonitorState, readState, writeState } from './state-file.ts';

export interface MonitorOptions {
  /** `https://…`, `http://…` or `file:DIR`: where `checkpoint` and `tile/…` are. */
  readonly prefix: string;
  /** Verifier keys (name+id+base64), any of which may sign. */
  readonly keys: readonly string[];
  /** Where the newest trusted state is kept. */
  readonly state_file: string;
  /** Default: the name of the keys. */
  readonly origin?: string;
  /** Which witnesses must have cosigned; by default none. */
  readonly policy?: Policy;
  /** Check the records themselves too, not the tree alone. */
  readonly entries?: boolean;
  /** Addresses of checkpoints of this log that others hold, like `<witness>/<origin hash>/checkpoint`. */
  readonly others?: readonly string[];
  /** A bearer token, for a log that is not public. */
  readonly token?: string;
  /** Default: `<state_file>.evidence`. */
  readonly evidence_folder?: string;
  /** Called once for each finding, and again each day that it lasts. May fail: it is then called at the next look. */
  readonly alert?: (finding: MonitorFinding) => Promise<void>;
  /** Between two looks; default one minute. */
  readonly interval_ms?: number;
  /** How long nothing trustworthy may be heard; default one hour, null for ever. */
  readonly silence_ms?: number | null;
  /** How long the log may stay as it is; by default for ever. */
  readonly stalled_ms?: number | null;
  /** For each answer of the log; default 20 s. */
  readonly timeout_ms?: number;
  readonly clock?: () => number;
  readonly random?: () => number;
  readonly wait?: (ms: number, signal?: AbortSignal) => Promise<void>;
  readonly fetch?: Fetch;
}

const BACKOFF_MS_MAX = 10 * 60 * 1000;
/** Caches may hold a checkpoint for a few seconds. */
const STALE_MS = 5000;

export class Monitor {
  readonly #options: MonitorOptions;
  readonly #identity: LogIdentity;
  readonly #look: Omit<LookOptions, 'signal'>;
  readonly #clock: () => number;
  readonly #wait: (ms: number, signal?: AbortSignal) => Promise<void>;
  readonly #alerts: Alerts;
  #started_at: number | null = null;

  constructor(options: MonitorOptions) {
    const keys = options.keys.map(parseVerifierKey);
    const origin = options.origin ?? keys[0]?.name;
    if (origin === undefined)
      throw new IndelibleError('VERIFIER_KEY_INVALID', 'a monitor needs the key of the log');
    if (options.origin === undefined && keys.some(({ name }) => name !== origin)) {
      throw new IndelibleError(
        'VERIFIER_KEY_INVALID',
        'the keys have several names: say which is the origin',
      );
    }
    const { timeout_ms = 20_000, token, fetch } = options;
    const reading = { timeout_ms, ...(fetch === undefined ? {} : { fetch }) };
    this.#options = options;
    this.#identity = { origin, keys, policy: options.policy ?? null };
    this.#alerts = new Alerts(options.alert);
    this.#clock = options.clock ?? Date.now;
    this.#wait = options.wait ?? (async (ms, signal) => void (await sleep(ms, undefined, { signal })));
    this.#look = {
      source: logSource(options.prefix, { ...reading, ...(token === undefined ? {} : { token }) }),
      identity: this.#identity,
      others: (options.others ?? []).map((name) => ({ name, read: textSource(name, reading) })),
      with_entries: options.entries ?? false,
      pause: (signal) => this.#wait(STALE_MS, signal),
    };
  }

  /** Looks once, keeps what can be trusted, and tells what was found. */
  async once(signal?: AbortSignal): Promise<MonitorReport> {
    const now = this.#clock();
    this.#started_at ??= now;
    const { origin } = this.#identity;
    const state = readState(this.#options.state_file, origin);
    const trusted = { checkpoint: state, entries: state?.entries ?? NO_ENTRIES };
    const look = await lookAt(trusted, { ...this.#look, ...(signal === undefined ? {} : { signal }) });
    const faults = [...look.faults];
    const next = this.#keep(state, look, now, faults);
    const about = { origin, prefix: this.#options.prefix, found_at: new Date(now).toISOString() };
    const { state_file, evidence_folder = `${state_file}.evidence` } = this.#options;
    const findings = look.problems.map((problem) => findingOf(problem, about, evidence_folder, faults));
    const silent = signal?.aborted ? null : this.#silence(next, findings.length > 0, now);
    if (silent !== null) findings.push(silent);
    if (!signal?.aborted) await this.#alerts.tell(findings, now, faults);
    return {
      ...verdictOf(findings, faults),
      origin,
      prefix: this.#options.prefix,
      looked_at: new Date(now).toISOString(),
      trusted: headOf(next),
      grown_by: (next?.size ?? 0) - (state?.size ?? 0),
      entries_checked: next?.entries.size ?? 0,
      findings,
      faults: [...faults, ...look.asides],
      does_not_prove: this.#limits(),
    };
  }

  /** Looks again and again until it is told to stop; more rarely while the log cannot be reached. */
  async follow(signal: AbortSignal, onReport: (report: MonitorReport) => void = () => {}): Promise<void> {
    let failures = 0;
    while (!signal.aborted) {
      const report = await this.once(signal);
      if (signal.aborted) return;
      onReport(report);
      const unheard = report.findings.every(({ kind }) => kind === 'silence');
      failures = report.verdict === 'not_checked' && unheard ? failures + 1 : 0;
      try {
        await this.#wait(this.#delay(failures), signal);
      } catch (error) {
        if (!signal.aborted) throw error;
      }
    }
  }

  #delay(failures: number): number {
    const { interval_ms = 60_000, silence_ms, random = Math.random } = this.#options;
    const backoff = Math.min(
      interval_ms * 2 ** Math.min(failures, 20),
      Math.max(interval_ms, BACKOFF_MS_MAX),
    );
    // Many monitors of one log should not come at the same moment.
    const delay = backoff * (0.9 + 0.2 * random());
    // Never so rarely that silence is told late by as much again.
    return typeof silence_ms === 'number' ? Math.min(delay, Math.max(interval_ms, silence_ms)) : delay;
  }

  /** The state after this look, kept where it is newer. */
  #keep(state: MonitorState | null, look: Look, now: number, faults: string[]): MonitorState | null {
    const { checkpoint, entries } = look;
    if (checkpoint === null) return state;
    const grew = state === null || checkpoint.size > state.size;
    const next: MonitorState = {
      origin: this.#identity.origin,
      ...checkpoint,
      answered_at: look.faults.length === 0 ? now : (state?.answered_at ?? now),
      grown_at: grew ? now : state.grown_at,
      entries,
    };
    try {
      writeState(this.#options.state_file, next);
      return next;
    } catch (error) {
      if (!isIndelibleError(error)) throw error;
      faults.push(error.message);
      return state;
    }
  }

  #silence(state: MonitorState | null, found: boolean, now: number): MonitorFinding | null {
    const { silence_ms = 60 * 60 * 1000, stalled_ms = null, prefix } = this.#options;
    const heard_at = state?.answered_at ?? this.#started_at ?? now;
    const grown_at = state?.grown_at ?? now;
    let detail: string | null = null;
    if (!found && silence_ms !== null && now - heard_at > silence_ms) {
      detail = `nothing that can be trusted was heard since ${new Date(heard_at).toISOString()}`;
    } else if (stalled_ms !== null && now - grown_at > stalled_ms) {
      detail = `the log has not grown since ${new Date(grown_at).toISOString()}`;
    }
    if (detail === null) return null;
    const { origin } = this.#identity;
    const found_at = new Date(now).toISOString();
    return {
      kind: 'silence',
      detail,
      origin,
      prefix,
      found_at,
      trusted: headOf(state),
      shown: null,
      evidence: null,
    };
  }

  #limits(): string[] {
    const { policy, others = [], entries = false } = this.#options;
    const limits = ['that what was recorded is true, or that everything was recorded'];
    if (policy === undefined && others.length === 0) {
      limits.push(
        'that others are shown the same log: no witness and no other holder of checkpoints was asked',
      );
    }
    if (!entries) limits.push('that the records are those of the tree: only hashes were looked at');
    return limits;
  }
}
