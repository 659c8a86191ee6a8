/**
 * The jobs and steps that the pictures of panes in GUIDE.md are drawn from, by the names of their markers.
 *
 * Before: `drawing.ts`, which draws. After: `guide-claims.test.ts`.
 */

import type { Result } from '../../../adapters/testing.ts'
import {
  afterProcessingTime,
  allOf,
  anyOf,
  col,
  collect,
  count,
  countEvictor,
  early,
  globalWindow,
  inOrder,
  late,
  onCount,
  once,
  onEnd,
  onEventTime,
  onProcessingTime,
  onRecord,
  onWatermark,
  orFinally,
  purging,
  repeatedly,
  type Trigger,
  tumbling,
} from '../../../runtime/index.ts'
import { panesLine, type Step } from './drawing.ts'
import { at, readings } from './pictures.ts'

/** `1` or `'1'`: a record at that second; `'W 9.999'`: the watermark; `'clock 5'`: the clock; `'end'`: of the stream. */
type Event = number | string

function steps(events: readonly Event[]): readonly Step[] {
  let clockMs = 0
  return events.map((event): Step => {
    if (typeof event === 'number') return { rows: at(event), text: `● ${event}` }
    if (event === 'end') return { end: true, text: event }
    const [kind, second] = event.split(' ')
    const ms = Math.round(Number(second) * 1000)
    if (kind === 'W') return { watermarkMs: ms, text: event }
    const byMs = ms - clockMs
    clockMs = ms
    return { clockMs: byMs, text: event }
  })
}

const TIMINGS = ['early', 'on time', 'late']

export function paneText({ row, pane }: Result): readonly string[] {
  const { windowStart: _start, windowEnd: _end, ...fields } = row
  const values = Object.entries(fields).map(([name, value]) => `${name} ${JSON.stringify(value)}`)
  return [`${pane.change} ${TIMINGS[pane.timing]} ${pane.index}${pane.isLast ? ' last' : ''}`, ...values]
}

const STORY = [1, 4, 8, 'W 9.999', 6, 3, 'W 19.999'] as const
const EARLY = [1, 4, 8, 'W 9.999', 6, 'W 19.999'] as const

const windowed = () => readings().window(tumbling('10s')).allowedLateness('10s')
type Windowed = ReturnType<typeof windowed>

function draw(declare: (window: Windowed) => Windowed, events: readonly Event[]): Promise<string> {
  return panesLine(declare(windowed()).aggregate({ n: count() }).sink('out'), steps(events), paneText)
}

const triggered = (trigger: Trigger, events: readonly Event[]) => draw((window) => window.trigger(trigger), events)
const overAll = (trigger: Trigger, events: readonly Event[]) =>
  panesLine(readings().window(globalWindow()).trigger(trigger).aggregate({ n: count() }).sink('out'), steps(events), paneText)

const isFour = onRecord(col('value').eq(4)) as Trigger

export const panePictures: Readonly<Record<string, () => Promise<string>>> = {
  global: () => overAll(onCount(2), [1, 4, 9, 10, 25, 'end']),
  'windows by the clock': () =>
    panesLine(
      readings().window(tumbling('10s')).processingTime().aggregate({ n: count() }).sink('out'),
      steps([1, 'clock 5', 900, 'clock 9.999', 'clock 10', 2, 'clock 20']),
      paneText,
    ),
  'trigger onWatermark': () => triggered(onWatermark(), STORY),
  'trigger early': () => triggered(early({ count: 2 }), EARLY),
  'trigger early by the clock': () =>
    triggered(early({ every: '5s' }), [1, 'clock 5.001', 4, 8, 'clock 10.001', 'clock 15.001', 'W 9.999']),
  'trigger late': () => triggered(late({ count: 2 }), STORY),
  'trigger onCount': () => triggered(onCount(2), [1, 4, 8, 'W 9.999', 'W 19.999']),
  'trigger onEventTime': () => triggered(onEventTime('3s'), [1, 'W 2.999', 'W 3', 4, 'W 7', 'W 8', 'W 9.999', 6]),
  'trigger onProcessingTime': () =>
    triggered(onProcessingTime('5s'), [1, 4, 'clock 5', 'clock 5.001', 'clock 10.001', 8, 'clock 21', 'clock 25.001']),
  'trigger afterProcessingTime': () =>
    triggered(afterProcessingTime('5s'), [1, 'clock 2', 4, 'clock 5.001', 'clock 20', 8, 'clock 25.001']),
  'trigger onRecord': () => triggered(isFour, [1, 4, 8, 'W 9.999', 'W 19.999']),
  'trigger onEnd': () => overAll(anyOf(onCount(2), onEnd()), [1, 4, 9, 'end']),
  'trigger anyOf': () => triggered(anyOf(onCount(3), isFour), [1, 4, 5, 6, 7, 8]),
  'trigger allOf': () => triggered(allOf(onCount(3), isFour), [1, 4, 5, 6, 7, 4]),
  'trigger inOrder': () => triggered(inOrder(onCount(1), onCount(2)), [1, 4, 5, 9, 'W 9.999']),
  'trigger orFinally': () => triggered(orFinally(repeatedly(onCount(2)), onWatermark()), [1, 4, 8, 'W 9.999', 6]),
  'trigger once': () => triggered(once(onCount(2)), [1, 4, 8, 9, 'W 9.999']),
  'trigger repeatedly': () => triggered(inOrder(onCount(1), repeatedly(onCount(2))), [1, 4, 5, 6, 7]),
  accumulating: () => draw((window) => window.trigger(early({ count: 2 })), EARLY),
  discarding: () => draw((window) => window.trigger(early({ count: 2 })).discarding(), EARLY),
  retracting: () => draw((window) => window.trigger(early({ count: 2 })).retracting(), EARLY),
  'empty panes': () =>
    draw(
      (window) =>
        window
          .trigger(early({ count: 2 }))
          .discarding()
          .emptyPanes(),
      [1, 4, 'W 9.999'],
    ),
  'closing if non-empty': () => draw((window) => window.trigger(late({ count: 2 })).closing('ifNonEmpty'), [1, 'W 9.999', 6, 'W 19.999']),
  'closing always': () => draw((window) => window.closing('always'), [1, 4, 'W 9.999', 'W 19.999']),
  purging: () => triggered(anyOf(purging(onCount(2)), onWatermark()), [1, 4, 8, 'W 9.999', 'W 19.999']),
  evictor: () =>
    panesLine(
      windowed()
        .evict(countEvictor(2))
        .aggregate({ n: count(), values: collect('value') })
        .sink('out'),
      steps([1, 4, 8, 'W 9.999', 6]),
      paneText,
    ),
}
