/**
 * From anchor URLs to anchors (see compose.ts). Each kind is loaded only when one of it is asked for.
 *
 * Errors:  ANCHOR_URL, ANCHOR_CONFIG.
 */
import { readFile } from 'node:fs/promises';
import { IndelibleError, isIndelibleError } from '@indelible/core';
import type { AnchorPlan } from '../anchors/anchor-url.ts';
import type { Anchor } from '../anchors/contract.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** The anchors that these URLs name. */
export async function createAnchors(urls: readonly string[], env: Environment): Promise<Anchor[]> {
  const { parseAnchorUrl } = await import('../anchors/anchor-url.ts');
  const plans = urls.map(parseAnchorUrl);
  if (new Set(plans.map(({ name }) => name)).size < plans.length)
    throw new IndelibleError('ANCHOR_CONFIG', 'two anchors have the same name; add #NAME to one of them');
  const anchors: Anchor[] = [];
  try {
    for (const plan of plans) anchors.push(await createAnchor(plan, env));
    return anchors;
  } catch (error) {
    for (const anchor of anchors) await anchor.close();
    throw error;
  }
}

async function createAnchor(plan: AnchorPlan, env: Environment): Promise<Anchor> {
  const { name } = plan;
  switch (plan.kind) {
    case 'file': {
      const { openFileAnchor } = await import('../anchors/file/file-anchor.ts');
      return openFileAnchor({ path: plan.path, name });
    }
    case 'database': {
      const { openDatabaseAnchor } = await import('../anchors/database/database-anchor.ts');
      if (plan.engine === 'postgres') {
        const { openPostgresTable } = await import('../anchors/database/postgres-table.ts');
        return openDatabaseAnchor({ name, table: openPostgresTable(await anchorDatabase(plan.url), name) });
      }
      const { openSqliteTable } = await import('../anchors/database/sqlite-table.ts');
      return openDatabaseAnchor({ name, table: openSqliteTable({ path: plan.path, name }) });
    }
    case 'webhook': {
      const secret = env[plan.secret_variable] ?? '';
      if (secret === '') throw new IndelibleError('ANCHOR_CONFIG', `${name} needs ${plan.secret_variable}`);
      const { openWebhookAnchor } = await import('../anchors/webhook/webhook-anchor.ts');
      return openWebhookAnchor({ url: plan.url, secret, name });
    }
    case 's3': {
      const { openS3Anchor } = await import('../anchors/s3/s3-anchor.ts');
      return openS3Anchor({ place: plan.place, name });
    }
    case 'timestamp': {
      const roots = await readFile(plan.roots_path, 'utf8').catch((error: NodeJS.ErrnoException) => {
        throw new IndelibleError(
          'ANCHOR_CONFIG',
          `the roots of ${name} cannot be read: ${plan.roots_path} (${error.code})`,
          { cause: error },
        );
      });
      const { openTimestampAnchor } = await import('../anchors/timestamp/timestamp-anchor.ts');
      return openTimestampAnchor({ url: plan.url, roots, name });
    }
  }
}

/** A session with the database of an anchor, once it is needed. */
async function anchorDatabase(url: string) {
  const { parsePostgresUrl } = await import('../stores/postgres/url.ts');
  const { Link } = await import('../stores/postgres/link.ts');
  const { limitsOf } = await import('../stores/postgres/limits.ts');
  try {
    const place = parsePostgresUrl(url);
    if (place.ledger !== null) throw new IndelibleError('ANCHOR_URL', 'an anchor takes no ledger=NAME');
    return new Link({ place, purpose: 'write', on_primary: true, ...limitsOf({}) });
  } catch (error) {
    if (!isIndelibleError(error, 'LEDGER_URL')) throw error;
    throw new IndelibleError('ANCHOR_URL', error.message);
  }
}
