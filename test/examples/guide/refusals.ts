/**
 * One declaration for each rule in the table of what is refused in GUIDE.md.
 *
 * Before: the fluent API. After: `guide-claims.test.ts`, which wants each refused by its rule, and no rule left out.
 */

import {
  around,
  calendar,
  count,
  countEvictor,
  countTumbling,
  customTrigger,
  early,
  globalWindow,
  inOrder,
  late,
  onCount,
  onEnd,
  onEventTime,
  onProcessingTime,
  onRecord,
  onWatermark,
  col,
  pipeline,
  purging,
  repeatedly,
  schema,
  session,
  slidingByRecord,
  stateWindow,
  timeEvictor,
  timestamp,
  fromPlan,
  tumbling,
  type WindowDeclaration,
  f64,
} from '../../../runtime/index.ts'
import { readings } from './pictures.ts'

const over = (window: WindowDeclaration<never, unknown, number | null>) => readings().window(window)
const minutes = () => over(tumbling('1m'))
const byClock = () => minutes().processingTime()
const n = { n: count() }
const state = stateWindow(col('value').gt(1), col('value').lt(0)) as WindowDeclaration
const isHigh = onRecord(col('value').gt(1))
const never = customTrigger(() => false)
const cut = session('1m', { maxLength: '1h' })

/** A plan that says what the fluent API has no word for. */
function plan(window: object): object {
  const job = pipeline('p')
    .source('in', schema({ at: timestamp() }))
    .window(tumbling('1m'))
    .processingTime()
    .aggregate(n)
    .sink('out')
  const operators = job.plan.operators.map((operator) => (operator.op === 'window' ? { ...operator, ...window } : operator))
  return { ...job.plan, operators }
}

export const refusals: Readonly<Record<string, () => unknown>> = {
  'processing-window': () => over(calendar('day')).processingTime().aggregate(n),
  'processing-lateness': () => byClock().allowedLateness('1m').aggregate(n),
  'processing-late-policy': () => byClock().lateTo('late').aggregate(n),
  'processing-event-trigger': () => byClock().trigger(onEventTime('1s')).aggregate(n),
  'processing-late-trigger': () =>
    byClock()
      .trigger(late({ count: 2 }))
      .aggregate(n),
  'processing-time-evictor': () => byClock().evict(timeEvictor('1s')).aggregate(n),
  'count-lateness': () => over(countTumbling(2)).allowedLateness('1m').aggregate(n),
  'global-lateness': () => over(globalWindow()).allowedLateness('1m').aggregate(n),
  'state-lateness': () => over(state).allowedLateness('1m').aggregate(n),
  'never-late-policy': () => over(globalWindow()).lateFails().aggregate(n),
  'count-trigger': () => over(countTumbling(2)).trigger(onCount(1)).aggregate(n),
  'state-trigger': () =>
    over(state)
      .trigger(early({ count: 1 }))
      .aggregate(n),
  'nested-watermark': () => minutes().trigger(early(onWatermark())).aggregate(n),
  'late-event-time': () =>
    minutes()
      .trigger(late(onEventTime('1s')))
      .aggregate(n),
  'end-before-stream': () => minutes().trigger(onEnd()).aggregate(n),
  'global-late-trigger': () =>
    over(globalWindow())
      .trigger(late({ count: 1 }))
      .aggregate(n),
  'unreachable-trigger': () =>
    minutes()
      .trigger(inOrder(repeatedly(onCount(1)), onCount(2)))
      .aggregate(n),
  'second-custom-trigger': () => minutes().trigger(inOrder(never, never)).aggregate(n),
  'unchanged-not-retracting': () => fromPlan(plan({ emitUnchanged: true })),
  'retracting-apply': () =>
    minutes()
      .retracting()
      .apply(() => [], schema({ x: f64() })),
  'retracting-purge': () =>
    minutes()
      .trigger(purging(onCount(2)))
      .retracting()
      .aggregate(n),
  'once-accumulation': () => over(countTumbling(2)).discarding().aggregate(n),
  'once-closing': () => over(cut).closing('always').aggregate(n),
  'once-empty-panes': () => over(state).emptyPanes().aggregate(n),
  'global-closing': () => over(globalWindow()).closing().aggregate(n),
  'neighbours-purge': () => over(around('1s', '1s')).discarding().aggregate(n),
  'neighbours-on-record': () => over(slidingByRecord('1s')).trigger(isHigh).aggregate(n),
  'evictor-window': () => over(countTumbling(2)).evict(countEvictor(1)).aggregate(n),
  'max-length-trigger': () => over(cut).trigger(onProcessingTime('1s')).aggregate(n),
  'max-length-lateness': () => over(cut).allowedLateness('1m').aggregate(n),
  'max-length-evictor': () => over(cut).evict(countEvictor(1)).aggregate(n),
}
