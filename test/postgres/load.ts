/**
 * Load for one ledger from all sides, and what must hold afterwards: server processes, plain SQL that is sealed on
 * insert, and the outbox.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { verifyLog } from '../../packages/indelible/src/ledger/verify.ts';
import {
  connectPostgres,
  type PostgresConnection,
} from '../../packages/indelible/src/stores/postgres/connection.ts';
import { openPostgresStore } from '../../packages/indelible/src/stores/postgres/postgres-store.ts';

/** A process of ours that says lines. */
export class Child {
  readonly process: ChildProcess;
  readonly said: string[] = [];
  readonly #ended: Promise<unknown>;
  #errors = '';
  #onLine: () => void = () => {};

  constructor(module: string, ...args: string[]) {
    const file = fileURLToPath(new URL(module, import.meta.url));
    this.process = spawn(process.execPath, ['--conditions=source', file, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.process.stderr!.on('data', (text) => (this.#errors += text));
    createInterface({ input: this.process.stdout! }).on('line', (line) => {
      this.said.push(line);
      this.#onLine();
    });
    this.#ended = once(this.process, 'close');
  }

  /** Resolves once the condition holds for what it said; rejects when it ends before. */
  async until(condition: (said: readonly string[]) => boolean): Promise<void> {
    const reached = new Promise<void>((resolve) => {
      this.#onLine = () => condition(this.said) && resolve();
      this.#onLine();
    });
    const ended = this.#ended.then(() => {
      if (!condition(this.said)) throw new Error(`the process ended: ${this.#errors}`);
    });
    await Promise.race([reached, ended]);
  }

  async kill(): Promise<void> {
    this.process.kill('SIGKILL');
    await this.#ended;
  }

  async stop(): Promise<void> {
    this.process.kill('SIGTERM');
    await this.#ended;
    assert.equal(this.#errors, '');
  }
}

/** What was promised to somebody. */
export class Promises {
  /** Receipts: the record's hash by its number. */
  readonly receipts = new Map<number, string>();
  /** Marks of events that must be in the log exactly once. */
  readonly committed = new Set<string>();
  /** Marks of events that may be there once at most: nobody knows what came of their commit. */
  readonly unknown = new Set<string>();
  /** Marks that must not be there. */
  readonly rolled_back = new Set<string>();
  readonly errors: string[] = [];

  receipt(seq: number, hash: string): void {
    assert.ok(!this.receipts.has(seq), `record ${seq} was promised twice`);
    this.receipts.set(seq, hash);
  }

  /** The receipts that a server process has said. */
  fromServer({ said }: Child): void {
    for (const line of said) {
      const match = /^(\S+ \d+) (\d+) ([0-9a-f]{64})$/.exec(line);
      if (match === null) continue;
      this.receipt(Number(match[2]), match[3]!);
      this.committed.add(match[1]!);
    }
  }
}

const ACTOR = '{"id":"sql","type":"user"}';

/** One session of plain SQL: sealed on insert, outbox, outbox rolled back, in turn. */
export class SqlSession {
  readonly #url: string;
  readonly #ledger: string;
  readonly #name: string;
  readonly #promises: Promises;
  /** Errors are a part of the plan. */
  readonly #rough: boolean;
  #stopping = false;
  readonly #done: Promise<void>;

  constructor(url: string, ledger: string, name: string, promises: Promises, rough = false) {
    this.#url = url;
    this.#ledger = ledger;
    this.#name = name;
    this.#promises = promises;
    this.#rough = rough;
    this.#done = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#done;
  }

  async #run(): Promise<void> {
    let connection: PostgresConnection | null = null;
    for (let n = 0; !this.#stopping; n++) {
      const mark = `${this.#name} ${n}`;
      try {
        connection ??= await connectPostgres(this.#url);
      } catch (error) {
        if (!this.#rough) this.#promises.errors.push(String(error));
        await pause(20);
        continue;
      }
      try {
        await this.#step(connection, mark, n);
      } catch (error) {
        this.#promises.unknown.add(mark);
        if (!this.#rough) this.#promises.errors.push(String(error));
        await connection.end().catch(() => {});
        connection = null;
      }
    }
    await connection?.end().catch(() => {});
  }

  async #step(connection: PostgresConnection, mark: string, n: number): Promise<void> {
    const data = JSON.stringify({ key: mark });
    if (n % 3 === 0) {
      const text = `INSERT INTO indelible.events (ledger, action, actor, data)
        VALUES ($1, 'sql.step', $2, $3) RETURNING seq, hash`;
      const { rows } = await connection.query(text, [this.#ledger, ACTOR, data]);
      this.#promises.receipt(Number(rows[0]!.seq), String(rows[0]!.hash).replace(/^\\x/, ''));
      this.#promises.committed.add(mark);
      return;
    }
    const text = `INSERT INTO indelible.outbox (ledger, action, actor, data, correlation_id)
      VALUES ($1, 'outbox.step', $2, $3, $4)`;
    // Each session is a run of its own, whose order must be kept.
    const run = Buffer.from(this.#name.padEnd(16, '.')).toString('hex').slice(0, 32);
    await connection.query('BEGIN');
    await connection.query(text, [this.#ledger, ACTOR, data, run]);
    if (n % 15 === 1) {
      await connection.query('ROLLBACK');
      this.#promises.rolled_back.add(mark);
      return;
    }
    await connection.query('COMMIT');
    this.#promises.committed.add(mark);
  }
}

/** Reads the whole ledger, and holds it against what was promised. Returns how many records it has. */
export async function assertKept(
  url: string,
  { receipts, committed, unknown, rolled_back }: Promises,
): Promise<number> {
  const store = await openPostgresStore({ url, default_ledger: 'x', read_only: true });
  try {
    const report = await verifyLog({ store, workers: 0 });
    assert.equal(report.ok, true, report.detail);
    const seen = new Map<string, number>();
    const last_of_run = new Map<string, number>();
    let seq = 0;
    for await (const { bytes } of store.read(0)) {
      for (const line of Buffer.from(bytes).toString().trimEnd().split('\n')) {
        const { hash, record } = JSON.parse(line);
        assert.equal(record.seq, seq++);
        const promised = receipts.get(record.seq);
        assert.ok(
          promised === undefined || promised === hash,
          `record ${record.seq} is not the one promised`,
        );
        receipts.delete(record.seq);
        const mark = record.data?.key;
        if (typeof mark !== 'string') continue;
        seen.set(mark, (seen.get(mark) ?? 0) + 1);
        if (record.action !== 'outbox.step') continue;
        const n = Number(mark.split(' ')[1]);
        assert.ok(n > (last_of_run.get(record.correlation_id) ?? -1), `${mark} is out of order`);
        last_of_run.set(record.correlation_id, n);
      }
    }
    assert.deepEqual([...receipts], [], 'acknowledged, but not there');
    for (const mark of committed) assert.equal(seen.get(mark) ?? 0, 1, `committed: ${mark}`);
    for (const mark of unknown) assert.ok((seen.get(mark) ?? 0) <= 1, `twice: ${mark}`);
    for (const mark of rolled_back) assert.equal(seen.get(mark), undefined, `rolled back: ${mark}`);
    return seq;
  } finally {
    await store.close();
  }
}
