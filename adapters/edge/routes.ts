/**
 * What a request to a job in a Durable Object asks for: the end of its path says it, so that objects may lie below any path.
 *
 *     POST …/in[/SOURCE]     rows: a JSON array or object, or lines of JSON; with `Idempotency-Key` taken once
 *     GET  …/in[/SOURCE]     with `Upgrade: websocket`: rows as messages; `?producer=NAME` numbers them
 *     GET  …/out[/SINK]      current rows, and the cursor behind them; `?after=CURSOR&limit=N`: what changed since
 *                            with `Accept: text/event-stream` or `Upgrade: websocket`: the same, and then everything that comes
 *     GET  …/status          the job's status and the object's
 *
 * Invariant: a request that changes nothing is answered without touching the log.
 */

import { ConfigError, RecordError } from '../../runtime/errors.ts'

export type Route =
  | { readonly kind: 'rows'; readonly source: string; readonly isSocket: boolean; readonly producer: string | null }
  | {
      readonly kind: 'results'
      readonly sink: string
      readonly as: 'page' | 'events' | 'socket'
      readonly after: number | null
      readonly limit: number
    }
  | { readonly kind: 'status' }

const ROUTES = 'POST or upgrade …/in, GET …/out, GET …/status'

/** @throws ConfigError `ROUTE_UNKNOWN`, `METHOD_UNKNOWN`, `BINDING_UNKNOWN`; RecordError `CURSOR_INVALID`. */
export function routeOf(request: Request, sources: readonly string[], sinks: readonly string[]): Route {
  const url = new URL(request.url)
  const [, word, encoded] = /\/(in|out|status)(?:\/([^/]+))?\/?$/.exec(url.pathname) ?? []
  if (word === undefined) throw new ConfigError('ROUTE_UNKNOWN', `There is nothing at ${url.pathname}; there are ${ROUTES}`)
  const name = encoded === undefined ? undefined : decodeURIComponent(encoded)
  const isSocket = request.headers.get('upgrade')?.toLowerCase() === 'websocket'
  const { method } = request
  if (word === 'in' && (method === 'POST' || isSocket)) {
    return { kind: 'rows', source: named('source', name, sources), isSocket, producer: url.searchParams.get('producer') }
  }
  if (word === 'out' && method === 'GET') {
    const isStream = request.headers.get('accept')?.includes('text/event-stream') === true
    return {
      kind: 'results',
      sink: named('sink', name, sinks),
      as: isSocket ? 'socket' : isStream ? 'events' : 'page',
      after: cursorOf(request.headers.get('last-event-id') ?? url.searchParams.get('after')),
      limit: cursorOf(url.searchParams.get('limit')) ?? 1_000,
    }
  }
  if (word === 'status' && method === 'GET') return { kind: 'status' }
  throw new ConfigError('METHOD_UNKNOWN', `${method} does not go at ${url.pathname}; there are ${ROUTES}`)
}

function named(kind: string, name: string | undefined, all: readonly string[]): string {
  const found = name === undefined ? all[0] : all.find((each) => each === name)
  if (found !== undefined) return found
  throw new ConfigError('BINDING_UNKNOWN', `There is no ${kind} ${name ?? ''} here; there are ${all.join(', ') || 'none'}`)
}

function cursorOf(text: string | null): number | null {
  if (text === null || text === '') return null
  const cursor = Number(text)
  if (Number.isSafeInteger(cursor) && cursor >= 0) return cursor
  throw new RecordError('CURSOR_INVALID', `${text} is no cursor; give the one that came with the rows`)
}
