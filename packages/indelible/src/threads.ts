/**
 * How every worker thread here is started.
 */

/** Options for `new Worker`: nothing of the command line that a thread cannot use, and a bounded heap. */
export function threadOptions(): {
  execArgv: string[];
  resourceLimits: { maxYoungGenerationSizeMb: number };
} {
  return {
    // `--input-type` (with `-e`) would stop a thread that is started from a file.
    execArgv: process.execArgv.filter((argument) => argument.startsWith('--conditions=')),
    // Node would let the nursery of each thread grow beyond 100 MB before it looks for what can go.
    resourceLimits: { maxYoungGenerationSizeMb: 4 },
  };
}
