#!/usr/bin/env -S node --max-semi-space-size=8
// The limit keeps a long import or export within 300 MB: Node would let its nursery grow beyond 100 MB first.
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
import('../dist/cli/main.js');
