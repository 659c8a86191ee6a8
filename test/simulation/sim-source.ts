/**
 * A source with several splits that is everything a source may be: slow, asynchronous, idle, failing, giving few rows at a time.
 *
 * Before: a scenario's rows. After: the intake.
 *
 * Invariant: a split opened at `position()` yields exactly the rows that followed it, and says `end` at the same place.
 */

import { ConnectorError } from '../../runtime/errors.ts'
import type { ReadResult, Source, SplitReader } from '../../runtime/source/source.ts'
import type { Scenario } from './scenario.ts'
import type { Life } from './world.ts'

export function simSource(life: Life, { splits, isLive, endsApart, reading }: Scenario): Source {
  const { prng, world } = life
  const openSplit = async (index: number, from: number): Promise<SplitReader> => {
    await life.operation('split open', 0, () => {}, failure)
    const rows = splits[index]!
    let at = from
    const take = (builder: Parameters<SplitReader['read']>[0], count: number): ReadResult => {
      const hadRows = at < rows.length
      for (let taken = 0; taken < count; taken++) {
        if (!builder.appendRow(rows[at]!, `row ${at}`)) world.saw('dead letter')
        at++
      }
      return at === rows.length && !(hadRows && endsApart) ? 'end' : 'more'
    }
    return {
      read(builder, rowsMax) {
        life.point('read')
        if (prng.next() < life.rates.sourceFails) {
          world.saw('source failure')
          throw failure()
        }
        if (prng.next() < reading.idle) {
          world.saw('idle read')
          return 'idle'
        }
        const count = Math.min(rowsMax, rows.length - at, 1 + prng.int(reading.rowsMax))
        if (prng.next() >= reading.async) return take(builder, count)
        life.isReading = true
        return life.clock.sleep(prng.next() * reading.slowMs).then(() => {
          life.isReading = false
          life.point('asynchronous read')
          return take(builder, count)
        })
      },
      position: () => {
        life.phase = 'barrier'
        life.point('position')
        return { row: at }
      },
      progress: () => ({ done: at, total: rows.length }),
      close: () => Promise.resolve(),
    }
  }
  return {
    kind: 'simulated',
    isReplayable: true,
    isBounded: !isLive,
    splits: async () => {
      await life.operation('splits', 0, () => {}, failure)
      return splits.map((rows, index) => ({
        splitId: `split-${index}`,
        open: (position) => {
          const row = position === null ? 0 : Number(position['row'])
          if (!(row <= rows.length)) throw new ConnectorError('SOURCE_REWIND', `Split ${index} has ${rows.length} rows, not ${row}`)
          return openSplit(index, row)
        },
      }))
    },
  }
}

function failure(): ConnectorError {
  return new ConnectorError('SIM_SOURCE', 'the source fails, as simulated', { retryable: true })
}
