/**
 * The `indelible` command: runs one command and leaves with its exit code. docs/reference/cli.md describes them all.
 */
import { runProgram } from './program.ts';
import { guardStreams } from './streams.ts';

// That a library will change one day is for developers to know, not for whoever runs a command.
process.noDeprecation = true;
guardStreams();
const exit_code = await runProgram(process.argv.slice(2), process.env, {
  // Those who stop processes commonly wait a little longer.
  ms_max: 25_000,
  exit: (code) => process.exit(code),
});
// Standard output that could not be written has set it already, and that outweighs success.
if (exit_code !== 0 || process.exitCode === undefined) process.exitCode = exit_code;
