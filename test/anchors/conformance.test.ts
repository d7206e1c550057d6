/** Every anchor conforms; those over HTTP in files of their own. */
import { test } from 'node:test';
import { runAnchorConformance } from '../../packages/indelible/src/anchors/conformance.ts';
import { fileAnchorIn, makeFolder, sqliteAnchorIn } from './support.ts';

for (const [name, make] of [
  ['file', fileAnchorIn],
  ['sqlite', sqliteAnchorIn],
] as const) {
  runAnchorConformance(test, name, async () => {
    const folder = await makeFolder();
    return {
      open: async () => make(folder).anchor,
      kept: async () => folder.content(),
      remove: folder.remove,
    };
  });
}
