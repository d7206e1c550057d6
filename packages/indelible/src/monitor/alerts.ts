/**
 * Tells somebody of findings: once when one appears, and again each day that it lasts.
 */
import type { MonitorFinding } from './findings.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

export type Alert = (finding: MonitorFinding) => Promise<void>;

export class Alerts {
  readonly #alert: Alert | undefined;
  /** When each lasting finding was told last. */
  readonly #told = new Map<string, number>();

  constructor(alert: Alert | undefined) {
    this.#alert = alert;
  }

  /** What could not be told goes to `faults`, and is told at the next look. */
  async tell(findings: readonly MonitorFinding[], now: number, faults: string[]): Promise<void> {
    const keys = new Set(findings.map(keyOf));
    for (const key of this.#told.keys()) if (!keys.has(key)) this.#told.delete(key);
    for (const finding of findings) {
      const told_at = this.#told.get(keyOf(finding));
      if (told_at !== undefined && now - told_at < DAY_MS) continue;
      try {
        await this.#alert?.(finding);
        this.#told.set(keyOf(finding), now);
      } catch (error) {
        faults.push(`the alert failed: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }
}

function keyOf({ kind, evidence, shown }: MonitorFinding): string {
  return `${kind} ${evidence ?? shown?.root ?? ''}`;
}
