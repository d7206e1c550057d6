/**
 * Who counts as the same, and who is excluded from a decision.
 *
 * Ids are compared without case and width: a directory that knows `alice` must not let `ALICE` approve what alice asked
 * for. Types are not compared: an id is excluded whether it comes as a user, a token or an agent.
 *
 * Pure:    no I/O.
 */
import type { Actor } from '@indelible/core';

/** The form in which ids are compared. */
export function samePersonKey(id: string): string {
  return id.normalize('NFKC').toLowerCase().trim();
}

/** The actor and everyone it acts for, nearest first. */
export function chainOf(actor: Actor): Actor[] {
  const chain: Actor[] = [];
  for (let one: Actor | undefined = actor; one !== undefined; one = one.on_behalf_of) chain.push(one);
  return chain;
}

/** True when this id is the actor, or anyone it acts for. */
export function isInChain(id: string, actor: Actor): boolean {
  const key = samePersonKey(id);
  return chainOf(actor).some((one) => samePersonKey(one.id) === key);
}

/** True when an agent acts, or anybody through one. */
export function hasAgent(actor: Actor): boolean {
  return chainOf(actor).some(({ type }) => type === 'agent');
}
