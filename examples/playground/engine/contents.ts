/**
 * The contents of all windows behind every step, read from the results of a shadow job.
 *
 * Before: `shadow.ts`, the job that tells. After: `window-tracks.ts`, which follows windows from step to step.
 *
 * Invariant: nothing here knows what a window is; a content is a row that the engine has given.
 */

import type { Entry } from '../model/entry.ts'
import { Performance } from './performance.ts'
import { COUNT, RECORD, RECORDS, type Shadow } from './shadow.ts'

export interface Content {
  /** Of its key, bounds and, for windows by count, number: no two windows have the same at a time. */
  readonly identity: string
  readonly key: string
  readonly startMs: number | null
  readonly endMs: number | null
  readonly records: readonly number[]
  readonly count: number
  readonly values: Readonly<Record<string, unknown>>
  /** Whether the watermark has passed its end. */
  readonly isComplete: boolean
  /** Whether its state has gone in this step. */
  readonly isGone: boolean
}

interface Result {
  readonly row: Readonly<Record<string, unknown>>
  readonly pane: { readonly index: number; readonly timing: number; readonly change: string; readonly isLast: boolean }
}

/** Contents behind every entry, and behind the end: windows that are held, and those that have gone in the step. */
export async function contentsOf(shadow: Shadow, entries: readonly Entry[]): Promise<readonly (readonly Content[])[]> {
  const numbered = entries.map((entry, index): Entry => {
    return entry.kind === 'record' && shadow.hasRecords ? { ...entry, row: { ...entry.row, [RECORD]: index } } : entry
  })
  return shadow.tells === 'changes' ? changesOf(shadow, numbered) : endsOf(shadow, numbered)
}

async function changesOf(shadow: Shadow, entries: readonly Entry[]): Promise<readonly (readonly Content[])[]> {
  const performance = await Performance.begin(shadow.job, entries)
  const held = new Map<string, Content>()
  const steps: Content[][] = []
  const note = () => {
    const gone: Content[] = []
    for (const result of performance.test.take() as readonly Result[]) {
      const content = contentOf(shadow, result)
      if (result.pane.change === '-D' || result.pane.isLast) held.delete(content.identity)
      if (result.pane.change.startsWith('-')) continue
      if (result.pane.isLast) gone.push({ ...content, isGone: true })
      else held.set(content.identity, content)
    }
    steps.push([...held.values(), ...gone])
  }
  for (const entry of entries) {
    await performance.perform(entry)
    note()
  }
  await performance.test.end()
  note()
  return steps
}

async function endsOf(shadow: Shadow, entries: readonly Entry[]): Promise<readonly (readonly Content[])[]> {
  const steps: Content[][] = []
  let goneCount = 0
  for (let count = 1; count <= entries.length + 1; count++) {
    const performance = await Performance.begin(shadow.job, entries)
    await performance.perform(...entries.slice(0, count))
    const isEnd = count > entries.length
    if (isEnd) await performance.test.end()
    const gone = (performance.test.take() as readonly Result[]).map((result) => ({ ...contentOf(shadow, result), isGone: true }))
    if (!isEnd) await performance.test.end()
    const open = (performance.test.take() as readonly Result[]).map((result) => contentOf(shadow, result))
    steps.push([...open, ...gone.slice(goneCount)])
    goneCount = gone.length
  }
  return steps
}

function contentOf(shadow: Shadow, { row, pane }: Result): Content {
  const { [RECORDS]: records, [COUNT]: count, ...rest } = row
  return {
    identity: identityOf(shadow, row, pane.index),
    key: keyOf(shadow.keys, row),
    startMs: row['windowStart'] as number | null,
    endMs: row['windowEnd'] as number | null,
    // Of windows that keep them in order of event time.
    records: ((records ?? []) as number[]).toSorted((a, b) => a - b),
    count: Number(count),
    values: valuesOf(shadow.keys, rest),
    isComplete: pane.timing > 0,
    isGone: false,
  }
}

/** What a result says beside its bounds and keys. */
export function valuesOf(keys: readonly string[], row: Result['row']): Result['row'] {
  return Object.fromEntries(Object.entries(row).filter(([name]) => name !== 'windowStart' && name !== 'windowEnd' && !keys.includes(name)))
}

/** A key in words: its values, with commas between them. */
export function keyOf(keys: readonly string[], row: Readonly<Record<string, unknown>>): string {
  return keys.map((name) => (row[name] === null || row[name] === undefined ? 'null' : String(row[name]))).join(', ')
}

/** Windows by count are told apart by their number, which results have as the index of their pane; all others by their bounds. */
export function identityOf({ keys, tells }: Pick<Shadow, 'keys' | 'tells'>, row: Result['row'], paneIndex: number): string {
  return JSON.stringify([keys.map((name) => row[name]), row['windowStart'], row['windowEnd'], tells === 'atEnd' ? paneIndex : 0])
}
