/**
 * Packages that are optional: loaded when a connector needs them.
 *
 * Errors:  DRIVER_MISSING, with the command that installs it.
 */
import { IndelibleError } from '@indelible/core';

export async function loadDriver<Driver>(
  kind: string,
  name: string,
  load: () => Promise<Driver>,
): Promise<Driver> {
  try {
    return await load();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new IndelibleError(
      'DRIVER_MISSING',
      `connectors of the kind ${kind} need the package ${name}: npm install ${name}`,
      { cause: error },
    );
  }
}
