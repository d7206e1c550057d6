/** Processes that die at a point of an operation. The next one is loaded while the tests look at the last one's work. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { JsonObject } from '@indelible/core';
import { root } from '../../support/root.ts';

/** What a victim is to do, and where it dies. */
export interface Job {
  readonly url: string;
  /** The folder of before-images. */
  readonly snapshots: string;
  /** Of connectors. */
  readonly configuration: JsonObject;
  readonly secret_values: Readonly<Record<string, string>>;
  readonly operation_id: string;
  readonly work: 'apply' | 'recover';
  readonly point: string;
  readonly nth: number;
}

const VICTIM = fileURLToPath(new URL('./victim.ts', import.meta.url));

interface Victim {
  readonly child: ChildProcess;
  readonly ended: Promise<unknown[]>;
  said: string;
}

export class Victims {
  #waiting: Victim | null = null;

  /** Resolves when a process has died at the point; raises what it said when it ended otherwise. */
  async kill(job: Job): Promise<void> {
    const victim = this.#waiting ?? start();
    victim.child.stdin!.end(`${JSON.stringify(job)}\n`);
    this.#waiting = start();
    const [code, signal] = await victim.ended;
    if (signal !== 'SIGKILL') throw new Error(`${job.point}: it ended with ${code}: ${victim.said}`);
  }

  /** Has the next one load. */
  prepare(): void {
    this.#waiting ??= start();
  }

  async stop(): Promise<void> {
    this.#waiting?.child.kill('SIGKILL');
    await this.#waiting?.ended;
    this.#waiting = null;
  }
}

function start(): Victim {
  const child = spawn(process.execPath, ['--conditions=source', VICTIM], {
    stdio: ['pipe', 'pipe', 'pipe'],
    // Compiled once, it starts three times as fast.
    env: { NODE_COMPILE_CACHE: join(root, 'node_modules/.cache/indelible-tests'), ...process.env },
  });
  const victim: Victim = { child, ended: once(child, 'close'), said: '' };
  // Killed while something is written to it: that is what this is for.
  child.stdin.on('error', () => {});
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (text) => {
      victim.said = `${victim.said}${text}`.slice(-4000);
    });
  return victim;
}
