/**
 * Who asks, as policies see it: a person, an agent or a service.
 *
 * Pure:    no I/O.
 */
import type { Actor, ActorType } from '@indelible/core';

export const ACTOR_KINDS = ['person', 'agent', 'service'] as const;
export type ActorKind = (typeof ACTOR_KINDS)[number];

export interface PolicyActor {
  /** `unauthenticated` is denied whatever the policies say. */
  readonly kind: ActorKind | 'unauthenticated';
  readonly id: string;
}

const KINDS: Readonly<Record<string, PolicyActor['kind']>> = {
  agent: 'agent',
  person: 'person',
  user: 'person',
  human: 'person',
  local: 'person',
  unauthenticated: 'unauthenticated',
};

/** What an actor's type in a record counts as; what is not known to be a person or an agent is a service. */
export function actorKind(type: ActorType): PolicyActor['kind'] {
  return Object.hasOwn(KINDS, type) ? KINDS[type]! : 'service';
}

/** The actor and those it acts for, nearest first. */
export function actorChain(actor: Actor): readonly [PolicyActor, ...PolicyActor[]] {
  const first = { kind: actorKind(actor.type), id: actor.id };
  return actor.on_behalf_of === undefined ? [first] : [first, ...actorChain(actor.on_behalf_of)];
}

/** `person:alice`. */
export function actorName({ kind, id }: PolicyActor): string {
  return `${kind}:${id}`;
}
