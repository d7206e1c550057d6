/**
 * CloudTrail's userIdentity as an actor with its delegation.
 *
 *   IAMUser, Root, Directory,   `user`. Temporary credentials of a user name that user as the one who delegated.
 *   SAMLUser, WebIdentityUser,
 *   IdentityCenterUser
 *   FederatedUser               `federated-user` on behalf of the user or root who asked for the token
 *   AssumedRole                 `role-session` on behalf of the `role`; the role on behalf of the person or identity
 *                               provider that is known to have assumed it
 *   Role                        `role`
 *   AWSService, or nothing but  `service`
 *   invokedBy
 *   AWSAccount                  `account`, or `unauthenticated` for S3's anonymous requests
 *   no identity                 `unauthenticated`
 *   anything else               CloudTrail's own word for it
 *
 * Ids are ARNs where CloudTrail has them. A service that passed the request on for an identity (`invokedBy`) is not
 * the actor: it is the session's agent (cloudtrail-event.ts).
 *
 * Source:  AWS CloudTrail User Guide, "CloudTrail userIdentity element".
 * Pure:    no I/O.
 */
import { type Actor, type Json, LIMITS } from '@indelible/core';
import { fitLine } from './fitting.ts';
import { isObject, member, text } from './json-bytes.ts';

const ANONYMOUS: Actor = { type: 'unauthenticated', id: 'anonymous' };

const TYPES: Readonly<Record<string, string>> = {
  IAMUser: 'user',
  Root: 'user',
  Directory: 'user',
  SAMLUser: 'user',
  WebIdentityUser: 'user',
  IdentityCenterUser: 'user',
  FederatedUser: 'federated-user',
  AssumedRole: 'role-session',
  Role: 'role',
  AWSService: 'service',
  AWSAccount: 'account',
};

/** Who acted, and for whom. */
export function cloudTrailActor(identity: Json | undefined): Actor {
  if (!isObject(identity)) return ANONYMOUS;
  const kind = text(identity, 'type');
  const invoked_by = text(identity, 'invokedBy');
  const arn = text(identity, 'arn');
  const principal = text(identity, 'principalId');
  const name = text(identity, 'userName');
  const account = text(identity, 'accountId');

  if (
    invoked_by !== undefined &&
    (kind === 'AWSService' || (kind === undefined && arn === undefined && principal === undefined))
  ) {
    return actor('service', invoked_by);
  }
  if (kind === 'AWSAccount') {
    if (account === 'ANONYMOUS_PRINCIPAL' || principal === 'ANONYMOUS_PRINCIPAL') return ANONYMOUS;
    const id = account ?? principal;
    return id === undefined ? ANONYMOUS : actor('account', id, principal === id ? undefined : principal);
  }
  const id =
    arn ?? principal ?? identityCenterUser(identity) ?? name ?? text(identity, 'credentialId') ?? account;
  if (id === undefined) return ANONYMOUS;
  const type = (kind !== undefined && Object.hasOwn(TYPES, kind) ? TYPES[kind] : kind) ?? 'unknown';
  const shown =
    name ?? (kind === 'AssumedRole' ? sessionName(arn, principal) : kind === 'Root' ? 'root' : undefined);
  return actor(type, id, shown, delegator(identity, id));
}

/** Who lent the credentials: the session's issuer, and behind it the person or provider who took them up. */
function delegator(identity: Json, self: string): Actor | undefined {
  const context = member(identity, 'sessionContext');
  const issuer = member(context, 'sessionIssuer');
  const origin = person(identity, context) ?? provider(context);
  const id = text(issuer, 'arn') ?? text(issuer, 'principalId') ?? text(issuer, 'userName');
  if (id === undefined) return origin?.id === self ? undefined : origin;
  const kind = text(issuer, 'type');
  const type = (kind !== undefined && Object.hasOwn(TYPES, kind) ? TYPES[kind] : kind) ?? 'role';
  return actor(type, id, text(issuer, 'userName'), origin);
}

/** The person whom Identity Center, or a source identity set when the role was assumed, names. */
function person(identity: Json, context: Json | undefined): Actor | undefined {
  const id = identityCenterUser(identity) ?? text(context, 'sourceIdentity');
  return id === undefined ? undefined : actor('user', id);
}

function identityCenterUser(identity: Json): string | undefined {
  return text(member(identity, 'onBehalfOf'), 'userId');
}

function provider(context: Json | undefined): Actor | undefined {
  const id = text(member(context, 'webIdFederationData'), 'federatedProvider');
  return id === undefined ? undefined : actor('identity-provider', id);
}

/** The last part of `…:assumed-role/<role>/<session>`, or of `<role id>:<session>`. */
function sessionName(arn: string | undefined, principal: string | undefined): string | undefined {
  const from_arn = arn?.split('/').slice(2).join('/');
  return from_arn || principal?.split(':').slice(1).join(':') || undefined;
}

function actor(type: string, id: string, name?: string, on_behalf_of?: Actor): Actor {
  return {
    type: fitLine(type, LIMITS.actor_type),
    id: fitLine(id, LIMITS.identifier),
    ...(name === undefined ? {} : { name: fitLine(name, LIMITS.name) }),
    ...(on_behalf_of === undefined ? {} : { on_behalf_of }),
  };
}
