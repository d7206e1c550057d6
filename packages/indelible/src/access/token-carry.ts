/**
 * Keeps tokens alive when a bounded store evicts the records that state them.
 */
import type { LedgerWriter } from '../ledger/types.ts';
import { statusOf } from './token.ts';
import { countedEvent } from './token-count.ts';
import { TokenFollower } from './token-follower.ts';
import { carriedEvent, revokedEvent, TokenFold } from './token-records.ts';

/**
 * Repeats what records below `keep_from` say about tokens and records from there on do not. Called before the
 * eviction. A revocation is repeated too where the token's own record stays: else the token would come back.
 */
export async function carryTokens(ledger: LedgerWriter, keep_from: number, now = Date.now()): Promise<void> {
  const fold = new TokenFold();
  const follower = new TokenFollower(ledger, fold);
  await follower.catchUp();
  for (const entry of fold.all()) {
    const { token, stated_seq, revoked_seq } = entry;
    if (stated_seq < keep_from && statusOf(token, now) === 'active')
      await ledger.recordOwn(carriedEvent(entry));
    if (stated_seq >= keep_from && revoked_seq !== null && revoked_seq < keep_from) {
      await ledger.recordOwn(revokedEvent(token, token.revoked_by ?? { type: 'service', id: 'indelible' }));
    }
  }
  // What was counted goes in part: without a new count the next start, and the next eviction, would read everything.
  if (follower.needsCount(keep_from)) await ledger.recordOwn(countedEvent(follower.count(keep_from)));
}
