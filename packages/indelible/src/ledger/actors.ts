/**
 * Actors that cannot change any more, so that their text is written once.
 */
import { type Actor, canonicalize } from '@indelible/core';

/** Canonical text by actor, only for those frozen here: anybody else's object may still change inside. */
const texts = new WeakMap<Actor, string | null>();

/** A frozen copy, all the way up the delegation: later changes by the application cannot reach records. */
export function freezeActor(actor: Actor): Actor {
  if (texts.has(actor)) return actor;
  const delegator = actor.on_behalf_of;
  const frozen = Object.freeze(
    delegator === undefined ? { ...actor } : { ...actor, on_behalf_of: freezeActor(delegator) },
  );
  texts.set(frozen, null);
  return frozen;
}

/** The RFC 8785 text of an actor. */
export function canonicalActor(actor: Actor): string {
  const known = texts.get(actor);
  if (typeof known === 'string') return known;
  const text = canonicalize(actor);
  if (known === null) texts.set(actor, text);
  return text;
}
