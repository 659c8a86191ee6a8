/**
 * A source of a job in a Durable Object: gives the rows of the log entry that object-job puts before it.
 *
 * Before: object-job, entry by entry. After: the job's intake, which reads it like any live source; every entry ends in a place where the
 * watermark is evaluated.
 *
 * Invariant: positions are those of the log: the same for all sources of a job, and only asked for between two entries.
 */

import { ConnectorError } from '../../runtime/errors.ts'
import type { Source, SourceSplit, SplitPosition, SplitReader } from '../../runtime/source/source.ts'
import { LineBuffer } from '../format/line-buffer.ts'
import { NdjsonDecoder } from '../format/ndjson-decoder.ts'
import type { InputEntry, InputLog } from './input-log.ts'
import type { LoggedClock } from './logged-clock.ts'

/** The entry that is being processed, for all sources of a job. */
export class Desk {
  /** Number of the next entry. */
  next: number
  #entry: InputEntry | null = null

  constructor(next: number) {
    this.next = next
  }

  put(entry: InputEntry): void {
    this.#entry = entry.source === null || entry.lines.length === 0 ? null : entry
  }

  /** The lines of the entry, once, if it is for this source. */
  take(source: string): Uint8Array | null {
    const entry = this.#entry
    if (entry?.source !== source) return null
    this.#entry = null
    return entry.lines
  }

  get isEmpty(): boolean {
    return this.#entry === null
  }
}

export interface InputSourceOptions {
  readonly desk: Desk
  readonly log: InputLog
  readonly clock: LoggedClock
  readonly lineBytesMax: number
}

export function inputSource({ desk, log, clock, lineBytesMax }: InputSourceOptions): Source {
  return {
    kind: 'durable-object',
    isReplayable: true,
    isBounded: false,
    splits({ name, schema }) {
      const split: SourceSplit = {
        splitId: 'log',
        open(position) {
          desk.next = positionIn(log, name, position)
          // Time goes on where the checkpoint left it.
          if (position !== null) clock.set(Number(position['atMs']))
          const buffer = new LineBuffer(4096, 0, 0)
          const decoder = new NdjsonDecoder(schema, lineBytesMax)
          const reader: SplitReader = {
            read(builder, rowsMax) {
              if (!buffer.hasLine) {
                const lines = desk.take(name)
                if (lines === null) return 'idle'
                buffer.append(lines)
              }
              builder.split = `entry ${desk.next}`
              decoder.decode(buffer, builder, rowsMax)
              return buffer.hasLine ? 'more' : 'idle'
            },
            position: () => ({ entry: desk.next, atMs: clock.now() }),
            progress: () => null,
            close: () => Promise.resolve(),
          }
          return Promise.resolve(reader)
        },
      }
      return Promise.resolve([split])
    },
  }
}

function positionIn(log: InputLog, name: string, position: SplitPosition | null): number {
  const entry = position === null ? 0 : Number(position['entry'])
  if (entry >= log.begin && entry <= log.end) return entry
  throw new ConnectorError(
    'SOURCE_REWIND',
    `Cannot go on at entry ${entry} of source ${name}: the log of the object has those from ${log.begin} to ${log.end - 1}; restore the object to an earlier point in time`,
    { details: { entry, begin: log.begin, end: log.end } },
  )
}
