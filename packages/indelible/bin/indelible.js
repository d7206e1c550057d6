#!/usr/bin/env -S MALLOC_ARENA_MAX=2 MALLOC_MMAP_THRESHOLD_=131072 node --max-semi-space-size=2
// The limits keep a long import or export within 300 MB: Node would let garbage grow beyond 100 MB before it looks.
// Plain old syntax on purpose: an unsupported Node must reach the message, not a SyntaxError.
var need = [22, 18];
var have = process.versions.node.split('.').map(Number);
if (have[0] < need[0] || (have[0] === need[0] && have[1] < need[1])) {
  console.error(
    'indelible needs Node >= ' +
      need.join('.') +
      '; this is ' +
      process.version +
      '. Next: npm install node@24, or run it through npm ("npx indelible").',
  );
  process.exit(2);
}
// Compiled code is kept inside the package, never in a shared temporary folder: who can plant code there can change the
// package itself. Where the package cannot be written, nothing is kept; this never raises.
process.getBuiltinModule('node:module').enableCompileCache(`${import.meta.dirname}/../.cache`);
import('../dist/cli/main.js');
