/**
 * One CloudTrail record as an event.
 *
 *   idempotency_key   `cloudtrail:<eventID>`: unique to an event, whichever file it was delivered in
 *   correlation_id    requestID: one API call and what services did to carry it out share it. Else sharedEventID: the
 *                     copies of one event that several accounts get. Else eventID. (cloudTrailCorrelation)
 *   action            `<service>.<eventName>`, e.g. `s3.GetObject`
 *   outcome           denied, error or ok, from errorCode; a failed console sign-in has none and is denied
 *   message           errorMessage, or errorCode when there is no message
 *   session           id: who with which sign-in; agent: the service that passed the request on
 *   data              the whole record, its values untouched
 *
 * Errors:  EVENT_INVALID naming a member that is missing or of the wrong kind.
 * Source:  AWS CloudTrail User Guide, "CloudTrail record contents".
 * Pure:    no I/O.
 */
import {
  type Event,
  IndelibleError,
  type Json,
  LIMITS,
  type Outcome,
  type Session,
  sha256Hex,
} from '@indelible/core';
import { cloudTrailActor } from './cloudtrail-actor.ts';
import { cloudTrailResources } from './cloudtrail-resources.ts';
import { fitLine, fitText } from './fitting.ts';
import { isObject, member, text } from './json-bytes.ts';

/** What AWS services call a request that was not allowed, after the `Client.` that EC2 puts before its codes. */
const DENIED = new Set([
  'AccessDenied',
  'AccessDeniedException',
  'AuthFailure',
  'AuthorizationError',
  'AuthorizationErrorException',
  'Forbidden',
  'ForbiddenException',
  'NotAuthorized',
  'NotAuthorizedException',
  'Unauthorized',
  'UnauthorizedException',
  'UnauthorizedAccess',
  'UnauthorizedOperation',
]);

/** Shorter request ids (`-`, `0`) are fillers that would tie unrelated events together. */
const REQUEST_ID_LENGTH_MIN = 8;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const encoder = new TextEncoder();

/** Turns a parsed record into an event that keeps to the format's limits. */
export function cloudTrailEvent(record: Json): Event {
  if (!isObject(record)) throw new IndelibleError('EVENT_INVALID', 'a CloudTrail record must be an object');
  const event_id = needed(record, 'eventID');
  const service = needed(record, 'eventSource').replace(/\.amazonaws\.com(\.cn)?$/, '');
  const [resource, ...related] = cloudTrailResources(record, service);
  const event_type = text(record, 'eventType');
  const message = text(record, 'errorMessage') ?? text(record, 'errorCode');
  const session = cloudTrailSession(member(record, 'userIdentity'));
  return {
    action: fitLine(`${service}.${needed(record, 'eventName')}`, LIMITS.action),
    actor: cloudTrailActor(member(record, 'userIdentity')),
    ...(resource === undefined ? {} : { resource }),
    ...(related.length === 0 ? {} : { related_resources: related }),
    outcome: outcome(record),
    correlation_id: cloudTrailCorrelation(record),
    occurred_at: needed(record, 'eventTime'),
    ...(session === null ? {} : { session }),
    source: 'aws.cloudtrail',
    ...(event_type === undefined ? {} : { event_type: fitLine(event_type, LIMITS.event_type) }),
    ...(message === undefined ? {} : { message: fitText(message, LIMITS.message) }),
    idempotency_key: fitLine(`cloudtrail:${event_id}`, LIMITS.idempotency_key),
    data: record,
  };
}

/**
 * The correlation id of a CloudTrail record. An id that is a UUID is its 32 digits; any other (S3 and EC2 have their
 * own) is the first 32 digits of SHA-256 over `cloudtrail:<id>`.
 */
export function cloudTrailCorrelation(record: Json): string {
  const request = text(record, 'requestID');
  const usable = request !== undefined && request.length >= REQUEST_ID_LENGTH_MIN ? request : undefined;
  const id = usable ?? text(record, 'sharedEventID') ?? text(record, 'eventID') ?? '';
  const digits = id.replaceAll('-', '').toLowerCase();
  // The all-zero trace id is invalid in W3C Trace Context.
  if (UUID.test(id) && !/^0+$/.test(digits)) return digits;
  return sha256Hex(encoder.encode(`cloudtrail:${id}`)).slice(0, 32);
}

function outcome(record: Json): Outcome {
  const code = text(record, 'errorCode');
  if (code !== undefined) return DENIED.has(code.replace(/^(Client|Server)\./, '')) ? 'denied' : 'error';
  if (text(member(record, 'responseElements'), 'ConsoleLogin') === 'Failure') return 'denied';
  return text(record, 'errorMessage') === undefined ? 'ok' : 'error';
}

/**
 * One sign-in is one session, though a console session goes through many temporary keys: principal and time of
 * sign-in. Long-lived credentials have no sign-in: their access key id, which is no secret, stands for the session.
 */
function cloudTrailSession(identity: Json | undefined): Session | null {
  const created = text(member(member(identity, 'sessionContext'), 'attributes'), 'creationDate');
  const principal = text(identity, 'principalId') ?? text(identity, 'arn');
  const id =
    created !== undefined && principal !== undefined
      ? `${principal}@${created}`
      : text(identity, 'accessKeyId');
  const agent =
    text(identity, 'type') === 'AWSService' || principal === undefined
      ? undefined
      : text(identity, 'invokedBy');
  if (id === undefined && agent === undefined) return null;
  return {
    ...(id === undefined ? {} : { id: fitLine(id, LIMITS.identifier) }),
    ...(agent === undefined
      ? {}
      : { agent_id: fitLine(agent, LIMITS.identifier), agent_type: 'aws-service' }),
  };
}

function needed(record: Json, name: string): string {
  const value = text(record, name);
  if (value !== undefined) return value;
  const reason = member(record, name) === undefined ? 'is missing' : 'must be a text';
  throw new IndelibleError('EVENT_INVALID', `${name} ${reason}`, { details: { member: name } });
}
