/**
 * What the status of an HTTP response means to a source: go on, try again later, or give up.
 *
 * Before: `fetch`. After: fetch-source and event-source.
 *
 * Invariant: what may pass by itself is tried again; what needs a person is an error that says so.
 */

import { ConnectorError } from '../../runtime/errors.ts'

/** Whether and when to ask again. */
export type Refusal =
  | { readonly kind: 'later'; readonly reason: string; readonly waitMs: number }
  | { readonly kind: 'never'; readonly error: ConnectorError }

const LATER: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504, 507, 509, 520, 521, 522, 523, 524, 530])
const WAIT_MS_MAX = 3_600_000

/** Why a response brings nothing. @param nowMs - Wall-clock time, for a `Retry-After` that is a date. */
export function refusalOf(response: Response, address: string, nowMs: number): Refusal {
  const { status, statusText } = response
  const said = statusText === '' ? `${status}` : `${status} ${statusText}`
  if (LATER.has(status)) return { kind: 'later', reason: `HTTP ${said}`, waitMs: retryAfterMs(response, nowMs) }
  const details = { address, status }
  if (status === 404 || status === 410)
    return {
      kind: 'never',
      error: new ConnectorError('SOURCE_MISSING', `Cannot read ${address}: HTTP ${said}; check the address`, { details }),
    }
  if (status === 401 || status === 403) {
    const message = `Cannot read ${address}: HTTP ${said}; give the request what the server asks for`
    return { kind: 'never', error: new ConnectorError('SOURCE_UNREADABLE', message, { details }) }
  }
  return { kind: 'never', error: new ConnectorError('SOURCE_REFUSED', `Cannot read ${address}: HTTP ${said}`, { details }) }
}

function retryAfterMs(response: Response, nowMs: number): number {
  const text = response.headers.get('retry-after')
  if (text === null) return 0
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - nowMs
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), WAIT_MS_MAX) : 0
}

/** The address of a request, for messages: without what may be secret in it. */
export function addressOf(request: string | URL | Request): string {
  const text = request instanceof Request ? request.url : String(request)
  try {
    const url = new URL(text)
    return `${url.origin}${url.pathname}`
  } catch {
    return text.replace(/[?#].*$/, '')
  }
}
