/** How long things may take. */
export interface Limits {
  /** Connecting to one host; default 5 s. */
  readonly connect_ms_max: number;
  /** Connecting again and again, before those who wait are told; default 5 s. */
  readonly patience_ms: number;
  /** Waiting for the transactions of others; default 5 s. */
  readonly lock_ms_max: number;
  /** The answer to one statement, before a server that says nothing is given up; default 20 s. */
  readonly answer_ms_max: number;
}

const DEFAULTS: Limits = {
  connect_ms_max: 5000,
  patience_ms: 5000,
  lock_ms_max: 5000,
  answer_ms_max: 20_000,
};

export function limitsOf(given: Partial<Limits>): Limits {
  const { connect_ms_max, patience_ms, lock_ms_max, answer_ms_max } = { ...DEFAULTS, ...given };
  return { connect_ms_max, patience_ms, lock_ms_max, answer_ms_max };
}
