/**
 * A log that is served over HTTP for programs of others to read: open to everybody, signed, of so many records.
 */
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { openLedger } from '../../packages/indelible/src/compose.ts';
import { createLogger } from '../../packages/indelible/src/http/logger.ts';
import { createServer } from '../../packages/indelible/src/http/server.ts';
import type { Ledger } from '../../packages/indelible/src/ledger/ledger.ts';
import { signer } from '../transparency/support.ts';

export interface ServedLog {
  readonly url: string;
  readonly ledger: Ledger;
  readonly vkey: string;
}

/** Serves until the test ends. */
export async function serveTestLog(t: TestContext, records: number): Promise<ServedLog> {
  const name = 'interop.example/log';
  const ledger = await openLedger('memory:', { name, signer: signer(1, name) });
  const events = Array.from({ length: records }, (_, i) => ({
    action: 'thing.done',
    data: { i, text: `née ${i}` },
  }));
  await Promise.all(events.map((event) => ledger.record(event)));
  await ledger.transparency!.checkpointNow();
  const logger = createLogger('silent', { write() {} });
  const server = await createServer({ ledgers: new Map([[name, ledger]]), logger, log_access: 'public' });
  await server.app.listen({ host: '127.0.0.1', port: 0 });
  t.after(async () => {
    await server.close();
    await ledger.close();
  });
  const { port } = server.app.server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, ledger, vkey: ledger.transparency!.verifier_keys[0]! };
}
