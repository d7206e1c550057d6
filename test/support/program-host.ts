/** Imports the modules that its arguments name, each in a new folder beside it, and tells its parent how each ended. */
import { mkdtempSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { inspect } from 'node:util';

for (const path of process.argv.slice(2)) {
  process.chdir(mkdtempSync(join(dirname(path), 'run-')));
  const problem = await import(pathToFileURL(path).href).then(
    () => null,
    (error: unknown) => inspect(error),
  );
  process.send!({ path, problem });
}
// Now only what a program left open keeps this process from ending.
process.disconnect();
