/** A timestamp authority: `openssl ts` behind HTTP. */
import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Identity } from './forge.ts';

const run = promisify(execFile);

/** Why openssl cannot be used, or false. In CI it must be there. */
export function noOpenssl(): string | false {
  if (spawnSync('openssl', ['version']).status === 0) return false;
  if (process.env.CI === 'true') throw new Error('openssl is missing');
  return 'openssl is not installed';
}

export class TimestampAuthority {
  readonly folder = mkdtempSync(join(tmpdir(), 'indelible-tsa-'));
  #next = 0;
  #last: Promise<unknown> = Promise.resolve();

  constructor(signer: Identity, chain: readonly Identity[], { ess = 'sha256', accuracy = true } = {}) {
    writeFileSync(this.#path('signer.pem'), signer.pem);
    writeFileSync(this.#path('signer.key'), signer.key_pem, { mode: 0o600 });
    writeFileSync(this.#path('chain.pem'), chain.map(({ pem }) => pem).join(''));
    writeFileSync(this.#path('serial'), '01\n');
    writeFileSync(
      this.#path('tsa.cnf'),
      [
        '[tsa]',
        'default_tsa = tsa1',
        '[tsa1]',
        `serial = ${this.#path('serial')}`,
        'default_policy = 1.2.3.4.1',
        'digests = sha256, sha512',
        'signer_digest = sha256',
        ...(accuracy ? ['accuracy = secs:1, millisecs:500, microsecs:100'] : []),
        'ordering = no',
        'tsa_name = yes',
        'ess_cert_id_chain = no',
        `ess_cert_id_alg = ${ess}`,
        '',
      ].join('\n'),
    );
  }

  #path(name: string): string {
    return join(this.folder, name);
  }

  /** Answers a query. One after another: openssl does not lock its file of serial numbers. */
  reply(query: Uint8Array): Promise<Buffer> {
    const answer = this.#last.then(() => this.#reply(query));
    this.#last = answer.catch(() => {});
    return answer;
  }

  async #reply(query: Uint8Array): Promise<Buffer> {
    const file = this.#path(`query-${this.#next++}.tsq`);
    writeFileSync(file, query);
    const { stdout } = await run(
      'openssl',
      [
        ...['ts', '-reply', '-config', this.#path('tsa.cnf'), '-queryfile', file],
        ...['-signer', this.#path('signer.pem'), '-inkey', this.#path('signer.key')],
        ...['-chain', this.#path('chain.pem')],
      ],
      { encoding: 'buffer' },
    );
    return stdout;
  }

  /** What `openssl ts -verify` says of a token for some data: its output, which ends in OK or FAILED. */
  async verify(token: Uint8Array, data: Uint8Array, roots: string): Promise<string> {
    const [t, d, r] = ['token.der', 'data', 'roots.pem'].map((name) => this.#path(name)) as [
      string,
      string,
      string,
    ];
    writeFileSync(t, token);
    writeFileSync(d, data);
    writeFileSync(r, roots);
    const args = ['ts', '-verify', '-in', t, '-token_in', '-data', d, '-CAfile', r];
    const { stdout, stderr } = await run('openssl', args).catch(
      (error) => error as { stdout: string; stderr: string },
    );
    return `${stderr}${stdout}`.trim();
  }

  close(): void {
    rmSync(this.folder, { recursive: true });
  }
}
