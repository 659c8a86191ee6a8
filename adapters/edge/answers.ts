/** Answers of a job in a Durable Object: JSON, and errors by their codes. */

import { errorToData, MillraceError } from '../../runtime/errors.ts'

const STATUS_OF: Readonly<Record<string, number>> = {
  BODY_SYNTAX: 400,
  CURSOR_INVALID: 400,
  ROUTE_UNKNOWN: 404,
  BINDING_UNKNOWN: 404,
  METHOD_UNKNOWN: 405,
  SEQUENCE_GAP: 409,
  BODY_TOO_LARGE: 413,
  KEY_REUSED: 422,
}

export function json(value: unknown, init: ResponseInit = {}): Response {
  return new Response(JSON.stringify(value), {
    ...init,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store', ...init.headers },
  })
}

/** Errors of the request as 4xx; everything else is the job's, which may be tried again: 503. */
export function failure(error: unknown): Response {
  const { code, message, details } = shownError(error)
  const status = STATUS_OF[code] ?? 503
  return json({ error: { code, message, details } }, { status, headers: status === 503 ? { 'retry-after': '1' } : {} })
}

export function shownError(error: unknown): {
  readonly code: string
  readonly message: string
  readonly details: Readonly<Record<string, unknown>>
} {
  const { code, message, details } = errorToData(error)
  return { code: error instanceof MillraceError ? code : 'JOB_FAILED', message, details }
}
