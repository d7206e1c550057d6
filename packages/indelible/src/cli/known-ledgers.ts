/**
 * The registry of ledgers, as commands use it: what they wrote to is noted, and what does not fit is said at once.
 *
 * It never fails a command that recorded: what goes wrong with it is a notice.
 */
import { isIndelibleError, isLine, lineBody, lineHash, parseRecord } from '@indelible/core';
import { openStore } from '../compose.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { LedgerFinding, OpenedLedger } from '../registry/facts.ts';
import { openableUrl, registeredUrl, registryPath } from '../registry/location.ts';
import { LedgerRegistry } from '../registry/registry.ts';
import type { LogStore } from '../stores/contract.ts';
import { printable } from './printable.ts';
import type { Invocation } from './shell.ts';

/** Notes how far a ledger that this command writes to has come; `opened` is the URL that it was opened with. */
export async function noteLedger(
  { env, terminal }: Invocation,
  ledger: Pick<Ledger, 'store' | 'transparency'>,
  opened: string,
): Promise<void> {
  try {
    const path = registryPath(env);
    const facts = path === null ? null : await factsOf(ledger.store);
    if (path === null || facts === null) return;
    const checkpoint = (await ledger.transparency?.latest().catch(() => null))?.note;
    const registry = LedgerRegistry.open(path);
    try {
      const open_url = openableUrl(opened);
      const finding = await registry.note({
        ...facts,
        ...(checkpoint === undefined ? {} : { checkpoint }),
        ...(open_url === null ? {} : { open_url }),
      });
      if (finding !== null) terminal.notice(`${findingText(finding)}; next: indelible ledgers`);
    } finally {
      registry.close();
    }
  } catch (error) {
    terminal.notice(`not noted in the registry of ledgers: ${String(error)}`);
  }
}

/** Notes what lies at a URL that this command wrote to and has closed again. */
export async function notePlace(invocation: Invocation, url: string): Promise<void> {
  let store: LogStore | null = null;
  try {
    store = await openStore(url, { read_only: true });
    await noteLedger(invocation, { store, transparency: null }, url);
  } catch (error) {
    invocation.terminal.notice(`not noted in the registry of ledgers: ${String(error)}`);
  } finally {
    await store?.close();
  }
}

/** `shrunk: acme.example/prod in file:/var/audit: it had …`. */
export function findingText({ kind, name, url, detail }: LedgerFinding): string {
  return printable(`${kind}: ${name} in ${url}: ${detail}`);
}

/** What lies at a registered URL, opened for reading and closed again; null when nothing is there. */
export async function openedLedger(url: string): Promise<OpenedLedger | null> {
  const store = await openStore(url, { read_only: true }).catch(unlessMissing);
  if (store === null) return null;
  try {
    const facts = await factsOf(store);
    if (facts === null) return null;
    return {
      ...facts,
      hashAt: async (seq) => {
        const again = await openStore(url, { read_only: true }).catch(unlessMissing);
        try {
          return again === null ? null : await hashAt(again, seq);
        } finally {
          await again?.close();
        }
      },
    };
  } finally {
    await store.close();
  }
}

function unlessMissing(error: unknown): null {
  if (isIndelibleError(error, 'LEDGER_NOT_FOUND')) return null;
  throw error;
}

/** Null for a ledger in memory, and for a place that holds no record. */
async function factsOf(store: LogStore): Promise<OpenedLedger | null> {
  const url = registeredUrl(store.url);
  const head = url === null ? null : await store.head();
  if (url === null || head === null) return null;
  const line = await lineAt(store, head.seq);
  if (line === null) return null;
  return {
    url,
    name: parseRecord(lineBody(line, 0, line.length)).ledger,
    size: head.seq + 1,
    head_hash: head.hash,
    first_hash: await hashAt(store, 0),
    hashAt: (seq) => hashAt(store, seq),
  };
}

async function hashAt(store: LogStore, seq: number): Promise<string | null> {
  const line = await lineAt(store, seq);
  return line === null ? null : lineHash(line, 0);
}

/** Null also for a line that cannot be read: what is damaged is for `verify` to name. */
async function lineAt(store: LogStore, seq: number): Promise<Uint8Array | null> {
  try {
    const [stored] = await store.get([seq]);
    return stored !== undefined && isLine(stored.line, 0, stored.line.length) ? stored.line : null;
  } catch (error) {
    if (isIndelibleError(error, 'LEDGER_DAMAGED')) return null;
    throw error;
  }
}
