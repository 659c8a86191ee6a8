/**
 * A source that gives what a test has put into it: rows, watermarks between them, an end, or a crash.
 *
 * Before: the test harness. After: the job's intake, which reads it like any live source.
 *
 * Invariant: it can be rewound to any place, so a job that crashed sees the same rows and watermarks again.
 */

import type { BatchBuilder } from '../batch-builder.ts'
import type { ReadResult, Source, SourceSplit, SplitPosition, SplitReader } from '../source/source.ts'

type Entry = { readonly kind: 'row'; readonly row: object } | { readonly kind: 'watermark'; readonly watermarkMs: number }

/** What a job that is made to crash fails with. */
export class CrashOnPurpose extends Error {
  constructor() {
    super('The test has let the job crash')
  }
}

export class ScriptSource implements Source {
  readonly kind = 'script'
  readonly isReplayable = true
  readonly isBounded = false
  /** By split. */
  readonly #entries: readonly Entry[][]
  #isEnded = false
  #isCrashing = false

  constructor(splitCount = 1) {
    this.#entries = Array.from({ length: splitCount }, () => [])
  }

  get splitCount(): number {
    return this.#entries.length
  }

  /** Rows given so far. */
  get rowCount(): number {
    return this.#entries.flat().reduce((sum, { kind }) => sum + (kind === 'row' ? 1 : 0), 0)
  }

  get isEnded(): boolean {
    return this.#isEnded
  }

  push(row: object, split = 0): void {
    this.#entries[split]!.push({ kind: 'row', row })
  }

  /** A watermark of every split. */
  watermark(watermarkMs: number): void {
    for (const entries of this.#entries) entries.push({ kind: 'watermark', watermarkMs })
  }

  end(): void {
    this.#isEnded = true
  }

  /** Fails the next read. */
  crash(): void {
    this.#isCrashing = true
  }

  splits(): Promise<readonly SourceSplit[]> {
    this.#isCrashing = false
    return Promise.resolve(
      this.#entries.map((entries, split) => ({
        splitId: split === 0 ? 'script' : `script-${split}`,
        open: (position) => Promise.resolve(this.#open(entries, position)),
      })),
    )
  }

  #open(entries: readonly Entry[], position: SplitPosition | null): SplitReader {
    let at = position === null ? 0 : Number(position['entry'])
    let watermark = lastWatermark(entries, at)
    return {
      read: (builder: BatchBuilder, rowsMax: number): ReadResult => {
        if (this.#isCrashing) throw new CrashOnPurpose()
        for (let rows = 0; at < entries.length && rows < rowsMax; at++) {
          const entry = entries[at]!
          if (entry.kind === 'row') {
            builder.appendRow(entry.row, `row ${at}`)
            rows++
            continue
          }
          watermark = entry.watermarkMs
          at++
          return 'more'
        }
        if (at < entries.length) return 'more'
        return this.#isEnded ? 'end' : 'idle'
      },
      position: () => ({ entry: at }),
      progress: () => null,
      watermark: () => watermark,
      close: () => Promise.resolve(),
    }
  }
}

function lastWatermark(entries: readonly Entry[], before: number): number | null {
  for (let at = before - 1; at >= 0; at--) {
    const entry = entries[at]!
    if (entry.kind === 'watermark') return entry.watermarkMs
  }
  return null
}
