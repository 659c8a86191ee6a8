/** Rows that come so many a second, so that a job lasts long enough for something to happen to it: bounded and replayable. */

import type { Source, SourceSplit } from 'millrace'

const PAUSE_MS = 4

/** @param slip - By how many rows a restart misses its place: a planted defect. */
export function pacedSource(rows: readonly object[], rowsPerSecond: number, slip = 0): Source {
  return {
    kind: 'paced',
    isReplayable: true,
    isBounded: true,
    async splits({ clock }) {
      const split: SourceSplit = {
        splitId: 'paced',
        async open(position) {
          const from = position === null ? 0 : Math.max(0, Math.min(rows.length, Number(position['row']) + slip))
          const startMs = clock.monotonic()
          let at = from
          return {
            async read(builder, rowsMax) {
              const due = () => Math.min(rows.length, from + Math.floor(((clock.monotonic() - startMs) * rowsPerSecond) / 1_000)) - at
              // After a freeze everything is due at once; timers of hidden pages run once a second, so none is used without need.
              if (due() < rowsMax) await clock.sleep(PAUSE_MS)
              const count = Math.min(rowsMax, due())
              for (let index = at; index < at + count; index++) builder.appendRow(rows[index]!, `row ${index}`)
              at += count
              return at === rows.length ? 'end' : 'more'
            },
            position: () => ({ row: at }),
            progress: () => ({ done: at, total: rows.length }),
            close: () => Promise.resolve(),
          }
        },
      }
      return [split]
    },
  }
}
