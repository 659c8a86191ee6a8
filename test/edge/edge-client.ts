/**
 * A client of a job in an object: sends rows until they are acknowledged, and reads what the job made of them.
 *
 * Before: a way to make requests. After: tests that compare what was sent with what was counted.
 *
 * Invariant: rows have one key for all attempts to send them.
 */

import { systemClock } from '../../runtime/clock.ts'

export type Fetch = (
  path: string,
  init?: { method?: string; body?: string; headers?: Record<string, string> },
) => Promise<{
  readonly status: number
  text(): Promise<string>
}>

/** How long a client tries: runtimes that were killed have to come back on a machine that is busy. */
const PATIENCE_MS = 60_000

export interface CountedRow {
  readonly windowStart: number
  readonly device: string
  readonly n: number
  readonly total: number
}

export interface Reading {
  readonly device: string
  readonly at: number
  readonly value: number
}

export const ndjson = (rows: readonly object[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join('')

/** Sends rows under one key until an attempt is acknowledged. @returns how many attempts it took. */
export async function sendUntilTaken(fetch: Fetch, path: string, key: string, rows: readonly object[]): Promise<number> {
  const untilMs = systemClock.monotonic() + PATIENCE_MS
  let reason = ''
  for (let attempt = 1; systemClock.monotonic() < untilMs; attempt++) {
    try {
      const response = await fetch(path, { method: 'POST', body: ndjson(rows), headers: { 'idempotency-key': key } })
      if (response.status === 200) {
        const answer = JSON.parse(await response.text()) as { rows: number }
        if (answer.rows !== rows.length) throw new RangeError(`${answer.rows} of ${rows.length} rows were taken`)
        return attempt
      }
      reason = await response.text()
    } catch (error) {
      if (error instanceof RangeError) throw error
      reason = String(error)
    }
    await systemClock.sleep(20)
  }
  throw new Error(`The rows of ${key} were never acknowledged: ${reason}`)
}

/** The newest row of each window and device, told by the changes since the beginning, which must come in order and once. */
export async function countedRows(fetch: Fetch, path: string): Promise<CountedRow[]> {
  const newest = new Map<string, CountedRow>()
  let cursor = 0
  for (;;) {
    const response = await fetch(`${path}?after=${cursor}&limit=500`)
    const text = await response.text()
    if (response.status !== 200) throw new Error(`The results cannot be had: ${text}`)
    const page = JSON.parse(text) as { rows: { seq: number; row: CountedRow }[]; cursor: number; isReset: boolean }
    if (page.isReset) throw new Error('Results were trimmed')
    for (const { seq, row } of page.rows) {
      if (seq <= cursor) throw new Error(`Row ${seq} came behind row ${cursor}`)
      cursor = seq
      newest.set(`${row.windowStart} ${row.device}`, row)
    }
    if (page.rows.length === 0) return [...newest.values()]
  }
}

/** What a job that counts must have found: by window and device. */
export function expectedCounts(rows: readonly Reading[]): CountedRow[] {
  const counts = new Map<string, { windowStart: number; device: string; n: number; total: number }>()
  for (const { device, at, value } of rows) {
    const windowStart = Math.floor(at / 10_000) * 10_000
    const key = `${windowStart} ${device}`
    const found = counts.get(key) ?? { windowStart, device, n: 0, total: 0 }
    found.n++
    found.total += value
    counts.set(key, found)
  }
  return [...counts.values()]
}

export const inOrder = (rows: readonly CountedRow[]) =>
  rows
    .map(({ windowStart, device, n, total }) => ({ windowStart, device, n, total }))
    .sort((a, b) => a.windowStart - b.windowStart || (a.device < b.device ? -1 : 1))
