/** The truth that results are compared with: it knows a window for as long as anybody may ask for it, and does not guess afterwards. */

import { describe, expect, it } from 'vitest'
import { addValue, type Cells, emptyCells, WINDOW_MS, WINDOWS_HELD, WINDOWS_KEPT, windowStartOf } from '../../examples/dashboard/cells.ts'
import { FeedLog } from '../../examples/dashboard/generator/feed-log.ts'
import { Ledger } from '../../examples/dashboard/generator/ledger.ts'
import { NORMAL, TICK_MS } from '../../examples/dashboard/generator/readings.ts'
import { DEFAULT_SETTINGS } from '../../examples/dashboard/generator/settings.ts'

const DEVICES = 60
const START_MS = windowStartOf(1_700_000_000_000)
const log = () =>
  new FeedLog({
    seed: 7,
    startMs: START_MS,
    segments: [{ fromTick: 0, settings: { ...DEFAULT_SETTINGS, devices: DEVICES, rate: 200 } }],
  })

/** What a job without fault has for each window, by the readings before a number. */
function resultsOf(feed: FeedLog, endTick: number): Map<number, Cells> {
  const windows = new Map<number, Cells>()
  for (let tick = 0; tick < endTick; tick++) {
    const { at, device, celsius, state, rowCount } = feed.readings(tick)
    for (let row = 0; row < rowCount; row++) {
      if (state[row] !== NORMAL) continue
      const startMs = windowStartOf(at[row]!)
      if (!windows.has(startMs)) windows.set(startMs, emptyCells(startMs, DEVICES))
      addValue(windows.get(startMs)!, device[row]!, celsius[row]!)
    }
  }
  return windows
}

describe('the ledger of the dashboard', () => {
  const endTick = ((WINDOWS_HELD + 6) * WINDOW_MS) / TICK_MS
  const feed = log()
  const results = resultsOf(feed, endTick)
  const fromMs = START_MS + WINDOW_MS
  const ledger = () => {
    const own = new Ledger(feed, { fromMs, devices: DEVICES })
    while (!own.advance(feed.firstNumber(endTick)));
    return own
  }

  it('knows the first window of the history when it is asked for once more after the last one', () => {
    const own = ledger()
    const lastMs = fromMs + (WINDOWS_KEPT - 1) * WINDOW_MS
    for (let startMs = lastMs; startMs >= fromMs; startMs -= WINDOW_MS) {
      const { differences, readings } = own.compare(results.get(startMs)!, null)
      expect(differences).toBe(0)
      expect(readings).toBeGreaterThan(500)
    }
  })

  it('finds a reading that is missing, and one that was counted twice', () => {
    const own = ledger()
    const damaged = structuredClone(results.get(fromMs)!)
    const [first, second] = [...damaged.n.keys()].filter((device) => damaged.n[device]! > 1)
    damaged.n[first!]!--
    addValue(damaged, second!, damaged.min[second!]!)
    expect(own.compare(damaged, null).differences).toBe(2)
  })

  it('says nothing of windows that it has forgotten, nor adds up what still comes for them', () => {
    const own = ledger()
    const laterMs = fromMs + (WINDOWS_HELD + 2) * WINDOW_MS
    expect(own.compare(results.get(laterMs)!, null).differences).toBe(0)
    expect(own.firstStartMs).toBe(fromMs + 2 * WINDOW_MS)
    expect(() => own.compare(results.get(fromMs)!, null)).toThrow(RangeError)
    expect(own.compare(results.get(fromMs + 2 * WINDOW_MS)!, null).differences).toBe(0)
  })
})
