import { mkdirSync, rmSync } from 'node:fs';
import { openLedger, openStore } from '../packages/indelible/src/compose.ts';
import { Ledger } from '../packages/indelible/src/ledger/ledger.ts';

const ev = (i: number) => ({
  action: 'invoice.update',
  actor: { type: 'user', id: `user-${i % 1000}` },
  resource: { type: 'invoice', id: `inv-${i}` },
  outcome: 'ok' as const,
  data: {
    amount: i * 1.5,
    currency: 'EUR',
    before: { status: 'open', lines: 3 },
    ip: '10.0.0.1',
    agent: 'Mozilla/5.0 (X11)',
  },
  message: 'status changed from open to paid',
  source: 'billing',
  correlation_id: (i + 1).toString(16).padStart(32, '0'),
});
const N = Number(process.argv[4] ?? 200000);
const events = Array.from({ length: 50000 }, (_, i) => ev(i));
const [scheme, withIndex] = process.argv.slice(2);
for (let r = 0; r < 3; r++) {
  rmSync('/var/tmp/zz', { recursive: true, force: true });
  mkdirSync('/var/tmp/zz');
  const url = scheme === 'file' ? 'file:/var/tmp/zz/log' : 'sqlite:/var/tmp/zz/l.db';
  const l =
    withIndex === 'index'
      ? await openLedger(url, { name: 'a/b' })
      : await Ledger.open({ store: await openStore(url), name: 'a/b' });
  const t = performance.now(),
    c = process.cpuUsage();
  let next = 0;
  await Promise.all(
    Array.from({ length: 64 }, async () => {
      while (next < N) {
        await l.record(events[next++ % 50000]!);
      }
    }),
  );
  const dt = performance.now() - t;
  const u = process.cpuUsage(c);
  console.log(
    url,
    withIndex,
    (((N / dt) * 1000) | 0) + '/s',
    'commits',
    l.stats.commits,
    'mean',
    (N / l.stats.commits).toFixed(1),
    'cpu ms/wall',
    ((u.user + u.system) / 1000 / dt).toFixed(2),
    'indexed',
    l.stats.index_position,
  );
  const t2 = performance.now();
  await l.caughtUp();
  console.log('  catch up', ((performance.now() - t2) / 1000).toFixed(2), 's');
  await l.close();
}
