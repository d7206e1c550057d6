// Loaded before any TypeScript, in plain old syntax: an unsupported Node must reach this message, not a SyntaxError.
var need = [22, 18];
var have = process.versions.node.split('.').map(Number);
if (have[0] < need[0] || (have[0] === need[0] && have[1] < need[1])) {
  console.error(
    'Indelible needs Node >= ' +
      need.join('.') +
      '; this is ' +
      process.version +
      '. Next: run it through npm ("npm test"), which brings its own.',
  );
  process.exit(2);
}
