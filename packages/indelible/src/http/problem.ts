/**
 * Errors on the wire: problem details with our codes, whoever raised the error.
 *
 * Nothing of a request's body or headers is ever in a problem; an unexpected error says nothing but that.
 *
 * Source:  RFC 9457.
 */
import { type ErrorCode, IndelibleError, isIndelibleError } from '@indelible/core';

export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8';

export interface Problem {
  /** `urn:indelible:error:CODE`. */
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ErrorCode;
  readonly remedy: string;
  /** `urn:indelible:run:CORRELATION_ID`: records about this request carry the same id. */
  readonly instance: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

/** Fastify's own errors, by code. */
const FASTIFY_CODES: Readonly<Record<string, ErrorCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'BODY_TOO_LARGE',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'UNSUPPORTED_MEDIA_TYPE',
  FST_ERR_CTP_INVALID_TYPE: 'UNSUPPORTED_MEDIA_TYPE',
  FST_ERR_CTP_EMPTY_TYPE: 'UNSUPPORTED_MEDIA_TYPE',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'REQUEST_INVALID',
  FST_ERR_BAD_URL: 'REQUEST_INVALID',
  FST_ERR_MAX_PARAM_LENGTH: 'NOT_FOUND',
};

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not found',
  405: 'Method not allowed',
  409: 'Conflict',
  413: 'Too large',
  415: 'Unsupported media type',
  422: 'Cannot be processed',
  423: 'Locked',
  429: 'Too many requests',
  500: 'Internal error',
  501: 'Not set up',
  502: 'Failed elsewhere',
  503: 'Unavailable',
  507: 'Insufficient storage',
};

/** Any error as one of ours; `body_error` is the code for a body of another shape than the route takes. */
export function asIndelibleError(error: unknown, body_error: ErrorCode = 'REQUEST_INVALID'): IndelibleError {
  if (isIndelibleError(error)) return error;
  const { code, validation, validationContext, statusCode } = error as {
    code?: string;
    validation?: { instancePath?: string; message?: string; params?: Record<string, unknown> }[];
    validationContext?: string;
    statusCode?: number;
  };
  const [broken] = validation ?? [];
  if (broken !== undefined) {
    const member =
      broken.instancePath?.slice(1) ||
      String(broken.params?.additionalProperty ?? broken.params?.missingProperty ?? '');
    const kind = validationContext === 'body' ? body_error : 'QUERY_INVALID';
    return new IndelibleError(kind, `${member.slice(0, 64)} ${broken.message ?? 'is not valid'}`.trim(), {
      details: { member: member.slice(0, 64) },
    });
  }
  const known = FASTIFY_CODES[code ?? ''];
  if (known !== undefined)
    return new IndelibleError(known, KNOWN_DETAILS[known] ?? 'the request was refused', { cause: error });
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return new IndelibleError('REQUEST_INVALID', 'the request could not be understood', { cause: error });
  }
  return new IndelibleError('INTERNAL', 'an unexpected error; the server log has it', { cause: error });
}

const KNOWN_DETAILS: Partial<Record<ErrorCode, string>> = {
  BODY_TOO_LARGE: 'the body is larger than this route takes',
  UNSUPPORTED_MEDIA_TYPE: 'the Content-Type is missing or not one that this route takes',
  NOT_FOUND: 'nothing is here',
};

/** The problem that stands for an error. */
export function problemOf(error: IndelibleError, correlation_id: string | undefined): Problem {
  const status = error.http_status;
  return {
    type: `urn:indelible:error:${error.code}`,
    title: TITLES[status] ?? 'Error',
    status,
    detail: error.message,
    code: error.code,
    remedy: error.remedy,
    instance: `urn:indelible:run:${correlation_id ?? 'none'}`,
    ...(Object.keys(error.details).length === 0 ? {} : { details: error.details }),
  };
}
