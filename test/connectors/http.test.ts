/** The HTTP connector: conformance against a real server, and what HTTP has of its own. */
import { test } from 'node:test';
import { runConnectorConformance } from '../../packages/indelible/src/connectors/conformance.ts';
import { httpPlace, PRICE_SECRETS } from './http-place.ts';
import { conformanceOptions } from './support.ts';

runConnectorConformance(test, 'http', httpPlace, { ...conformanceOptions(20), secrets: PRICE_SECRETS });
