/** Run by a test: adds records until it is killed, and prints how far it got after each batch. */
import { openSqliteIndex } from '../../packages/indelible/src/stores/index/sqlite-index.ts';
import { batchOf, makeRecord } from './support.ts';

const index = await openSqliteIndex({ path: process.argv[2]! });
for (let from = 0; ; from += 20) {
  await index.add(
    batchOf(
      from,
      Array.from({ length: 20 }, (_, i) => makeRecord(from + i)),
    ),
  );
  console.log(from + 20);
}
