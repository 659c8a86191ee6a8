/**
 * Memory over time, as numbers and as a picture, and the judgement whether it has stopped growing.
 *
 * Before: soak.ts samples a running job. After: main prints; the test asserts.
 * Criterion: of each measure, the lower quartile of the last quarter of the samples is at most that of the quarter before, a tenth and the
 * slack more. The lower quartile: heaps are full of what the next collection takes, state of what the next leap of time closes.
 *
 * Invariant: the first half, in which memory fills up to its working size, is not judged.
 */

export interface Sample {
  readonly seconds: number
  readonly rows: number
  readonly keys: number
  readonly windows: number
  readonly stateBytes: number
  readonly heapBytes: number
  readonly rssBytes: number
}

const MIB = 1_048_576

/** What garbage collection and allocators may add without anything being kept. */
const SLACK_BYTES: Readonly<Record<Measure, number>> = { stateBytes: MIB, heapBytes: 24 * MIB, rssBytes: 32 * MIB }
const GROWTH_MAX = 1.1

export const MEASURES = ['stateBytes', 'heapBytes', 'rssBytes'] as const
type Measure = (typeof MEASURES)[number]

export interface Verdict {
  readonly measure: Measure
  readonly thirdQuarter: number
  readonly lastQuarter: number
  readonly isBounded: boolean
}

export function verdictsOf(samples: readonly Sample[]): Verdict[] {
  const quarter = (index: number, measure: Measure) => {
    const part = samples.slice(Math.floor((samples.length * index) / 4), Math.floor((samples.length * (index + 1)) / 4))
    return lowerQuartile(part.map((sample) => sample[measure]))
  }
  return MEASURES.map((measure) => {
    const thirdQuarter = quarter(2, measure)
    const lastQuarter = quarter(3, measure)
    return { measure, thirdQuarter, lastQuarter, isBounded: lastQuarter <= thirdQuarter * GROWTH_MAX + SLACK_BYTES[measure] }
  })
}

function lowerQuartile(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 4)] ?? 0
}

export function mib(bytes: number): string {
  return `${(bytes / MIB).toFixed(1)} MiB`
}

export const TABLE_HEAD = '  seconds         rows     keys  windows       state        heap         rss'

export function tableLine({ seconds, rows, keys, windows, stateBytes, heapBytes, rssBytes }: Sample): string {
  const columns = [seconds.toFixed(0), String(rows), String(keys), String(windows), mib(stateBytes), mib(heapBytes), mib(rssBytes)]
  const widths = [9, 12, 8, 8, 11, 11, 11]
  return columns.map((text, index) => text.padStart(widths[index]!)).join(' ')
}

const CHART_COLUMNS = 60
const CHART_ROWS = 8

/** Bars over time, from 0 to the largest value. */
export function chartOf(samples: readonly Sample[], measure: Measure): string {
  const columnCount = Math.min(CHART_COLUMNS, samples.length)
  const bars = Array.from({ length: columnCount }, (_, index) => {
    const part = samples.slice(Math.floor((index * samples.length) / columnCount), Math.floor(((index + 1) * samples.length) / columnCount))
    return Math.max(...part.map((sample) => sample[measure]))
  })
  const most = Math.max(1, ...bars)
  const lines = Array.from({ length: CHART_ROWS }, (_, row) => {
    const level = ((CHART_ROWS - row - 0.5) / CHART_ROWS) * most
    const label = row === 0 ? mib(most) : row === CHART_ROWS - 1 ? '0' : ''
    return `${label.padStart(12)} │${bars.map((bar) => (bar >= level ? '█' : ' ')).join('')}`
  })
  return `  ${measure}\n${lines.join('\n')}\n${''.padStart(13)}└${'─'.repeat(columnCount)}`
}
