/** A psql session that inserts one row after the other, as a person or a script would. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Promises } from './load.ts';

export class Psql {
  readonly #process: ChildProcess;
  readonly #said: string[] = [];
  readonly #ended: Promise<unknown>;
  #errors = '';
  #stopping = false;

  /** Null where there is no psql: sessions of `pg` do the same. */
  static start(url: string, ledger: string, name: string): Psql | null {
    if (spawnSync('psql', ['--version']).status !== 0) return null;
    return new Psql(url, ledger, name);
  }

  private constructor(url: string, ledger: string, name: string) {
    this.#process = spawn('psql', ['-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', url], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.#process.stderr!.on('data', (text) => (this.#errors += text));
    this.#ended = once(this.#process, 'close');
    let n = 0;
    const insert = (): void => {
      this.#process.stdin!.write(
        `INSERT INTO indelible.events (ledger, action, actor, data) VALUES ('${ledger}', 'psql.step',
           '{"id":"psql","type":"user"}', '{"key":"${name} ${n++}"}') RETURNING data->>'key', seq, hash;\n`,
      );
    };
    createInterface({ input: this.#process.stdout! }).on('line', (line) => {
      this.#said.push(line);
      if (!this.#stopping) insert();
      else this.#process.stdin!.end();
    });
    insert();
  }

  /** Ends after the insert that is under way. */
  async stop(promises: Promises): Promise<void> {
    this.#stopping = true;
    await this.#ended;
    assert.equal(this.#errors, '');
    for (const line of this.#said) {
      const [mark, seq, hash] = line.split('|') as [string, string, string];
      promises.receipt(Number(seq), hash.replace(/^\\x/, ''));
      promises.committed.add(mark);
    }
  }
}
