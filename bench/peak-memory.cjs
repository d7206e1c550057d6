// Loaded before the command line: writes the peak of resident memory when the process ends. See sample.ts.
const { readFileSync, writeFileSync } = require('node:fs');
const { isMainThread } = require('node:worker_threads');

const file = process.env.INDELIBLE_BENCH_PEAK_FILE;
if (isMainThread && file) {
  process.on('exit', () => {
    let bytes = process.resourceUsage().maxRSS * 1024;
    try {
      bytes = Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))[1]) * 1024;
    } catch {
      // Not Linux.
    }
    writeFileSync(file, String(bytes));
  });
}
