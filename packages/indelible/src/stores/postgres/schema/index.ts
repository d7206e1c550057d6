/** What the rest of the driver, the command line and tests need of the schema. */
export { inspectLedger, inspectSchema } from './inspect.ts';
export { installSchema, installSql, SCHEMA_VERSION, schemaVersionSql } from './install.ts';
export { SQLSTATES } from './sqlstates.ts';
