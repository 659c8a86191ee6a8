/**
 * Which combinations of window, time, trigger, accumulation, closing, evictor and lateness are refused, and by which name.
 */

import { describe, expect, it } from 'vitest'
import { allCombinations } from '../../runtime/plan-legality.ts'
import { loadPlan } from '../../runtime/plan.ts'
import { functionsOf } from '../property/pane-run.ts'
import { CASE_SCHEMA, randomWindowCase } from '../property/window-plans.ts'
import { Prng } from '../support/prng.ts'
import { AT, errorOf, type Json } from '../support/window-operators.ts'

const column = (name: string) => ({ column: name })
const window = (kind: string, fields: Json = {}): Json => ({ window: { kind, ...fields } })
const SESSION = window('session', { gapMs: 1_000 })
const LONGEST = window('session', { gapMs: 1_000, maxLengthMs: 60_000 })
const COUNT = window('countTumbling', { n: 5 })
const COUNT_SLIDING = window('countSliding', { n: 5, every: 2 })
const GLOBAL = window('global')
const CALENDAR = window('calendar', { unit: 'day' })
const TRADING = window('tradingDay', { timeZone: 'UTC', sessions: [{ days: ['mon'], open: '09:00', close: '17:00' }] })
const TABLE = window('intervals', { table: [{ startMs: 0, endMs: 5 }] })
const AROUND = window('around', { beforeMs: 5, afterMs: 5 })
const BY_RECORD = window('slidingByRecord', { differenceMs: 5 })
const STATE = window('stateWindow', { open: column('ok'), close: column('ok') })
const CUSTOM = window('custom', { function: true })
const CUMULATE = window('cumulate', { sizeMs: 60, stepMs: 20 })

const END = { kind: 'onWatermark' }
const EACH = { kind: 'onCount', n: 1 }
const CLOCK = { kind: 'onProcessingTime', everyMs: 5 }
const EVENT_TIME = { kind: 'onEventTime', everyMs: 5 }
const FUNCTION = { kind: 'custom', function: true }
const PROCESSING = { time: 'processing' }
const LATENESS = { allowedLatenessMs: 5 }
const SIDE = { late: { kind: 'sideOutput', name: 'late' } }
const RETRACTING = { accumulation: 'retracting' }
const LAST_TWO = { evictor: { kind: 'count', n: 2 } }
const APPLY = { apply: { function: true, schema: { x: 'f64' } } }
const trigger = (spec: Json): Json => ({ trigger: spec })

const REFUSED: readonly [name: string, field: string, ...operators: Json[]][] = [
  ['processing-lateness', 'allowedLatenessMs', { ...PROCESSING, ...LATENESS }, { ...SESSION, ...PROCESSING, ...LATENESS }],
  ['processing-late-policy', 'late', { ...PROCESSING, ...SIDE }, { ...GLOBAL, ...PROCESSING, late: { kind: 'fail' } }],
  ['unchanged-not-retracting', 'emitUnchanged', { emitUnchanged: true }, { emitUnchanged: true, accumulation: 'discarding' }],
  ['retracting-apply', 'accumulation', { ...RETRACTING, ...APPLY }],
  [
    'processing-window',
    'window',
    ...[CALENDAR, TRADING, TABLE, CUSTOM, AROUND, BY_RECORD, STATE, COUNT, COUNT_SLIDING].map((shape) => ({ ...shape, ...PROCESSING })),
  ],
  [
    'processing-event-trigger',
    'trigger',
    { ...PROCESSING, ...trigger(EVENT_TIME) },
    { ...PROCESSING, ...trigger({ kind: 'onWatermark', early: { kind: 'any', of: [EACH, EVENT_TIME] } }) },
  ],
  ['processing-late-trigger', 'trigger', { ...PROCESSING, ...trigger({ kind: 'onWatermark', late: EACH }) }],
  ['count-lateness', 'allowedLatenessMs', { ...COUNT, ...LATENESS }, { ...COUNT_SLIDING, ...LATENESS }],
  ['global-lateness', 'allowedLatenessMs', { ...GLOBAL, ...LATENESS }],
  ['state-lateness', 'allowedLatenessMs', { ...STATE, ...LATENESS }],
  ['never-late-policy', 'late', { ...COUNT, ...SIDE }, { ...GLOBAL, late: { kind: 'fail' } }],
  [
    'count-trigger',
    'trigger',
    { ...COUNT, ...trigger(EACH) },
    { ...COUNT_SLIDING, ...trigger({ kind: 'onWatermark', purge: true }) },
    { ...COUNT, ...trigger({ kind: 'repeatedly', of: END }) },
  ],
  [
    'neighbours-purge',
    'accumulation',
    { ...AROUND, accumulation: 'discarding' },
    { ...BY_RECORD, ...trigger({ kind: 'onCount', n: 2, purge: true }) },
  ],
  [
    'neighbours-on-record',
    'trigger',
    { ...AROUND, ...trigger({ kind: 'onRecord', when: column('ok') }) },
    { ...BY_RECORD, ...trigger({ kind: 'onWatermark', early: FUNCTION }) },
  ],
  ['processing-time-evictor', 'evictor', { ...PROCESSING, evictor: { kind: 'time', durationMs: 5 } }],
  ['state-trigger', 'trigger', { ...STATE, ...trigger(CLOCK) }, { ...STATE, ...trigger({ kind: 'onWatermark', early: EACH }) }],
  [
    'nested-watermark',
    'trigger',
    trigger({ kind: 'onWatermark', early: END }),
    trigger({ kind: 'onWatermark', late: { kind: 'all', of: [EACH, END] } }),
    trigger({ kind: 'any', of: [{ kind: 'onWatermark', early: { kind: 'repeatedly', of: END } }] }),
  ],
  ['late-event-time', 'trigger', { ...LATENESS, ...trigger({ kind: 'onWatermark', late: EVENT_TIME }) }],
  [
    'end-before-stream',
    'trigger',
    trigger({ kind: 'onEnd' }),
    { ...SESSION, ...trigger({ kind: 'any', of: [END, { kind: 'onEnd' }] }) },
    { ...PROCESSING, ...trigger({ kind: 'onEnd' }) },
  ],
  ['global-late-trigger', 'trigger', { ...GLOBAL, ...trigger({ kind: 'onWatermark', late: EACH }) }],
  [
    'unreachable-trigger',
    'trigger',
    trigger({ kind: 'inOrder', of: [{ kind: 'repeatedly', of: EACH }, END] }),
    trigger({ kind: 'inOrder', of: [{ kind: 'onWatermark', late: EACH }, EACH] }),
    trigger({ kind: 'inOrder', of: [EACH, { kind: 'inOrder', of: [EACH, CLOCK] }, END] }),
    trigger({ kind: 'once', of: { kind: 'inOrder', of: [EVENT_TIME, END] } }),
  ],
  ['second-custom-trigger', 'trigger', trigger({ kind: 'any', of: [FUNCTION, FUNCTION] })],
  [
    'retracting-purge',
    'accumulation',
    { ...RETRACTING, ...trigger({ kind: 'onCount', n: 2, purge: true }) },
    { ...RETRACTING, ...trigger({ kind: 'onWatermark', early: { kind: 'onCount', n: 2, purge: true } }) },
  ],
  [
    'once-accumulation',
    'accumulation',
    { ...COUNT, accumulation: 'discarding' },
    { ...STATE, ...RETRACTING },
    { ...LONGEST, accumulation: 'discarding' },
  ],
  ['once-closing', 'closing', { ...COUNT, closing: 'always' }, { ...STATE, closing: 'ifNonEmpty' }, { ...LONGEST, closing: 'always' }],
  ['once-empty-panes', 'emptyPanes', { ...COUNT, emptyPanes: true }, { ...STATE, emptyPanes: true }, { ...LONGEST, emptyPanes: true }],
  ['global-closing', 'closing', { ...GLOBAL, closing: 'always' }],
  ['evictor-window', 'evictor', ...[AROUND, BY_RECORD, STATE, COUNT, COUNT_SLIDING].map((shape) => ({ ...shape, ...LAST_TWO }))],
  ['max-length-evictor', 'evictor', { ...LONGEST, ...LAST_TWO }],
  ['max-length-trigger', 'trigger', { ...LONGEST, ...trigger(EACH) }, { ...LONGEST, ...trigger({ kind: 'onWatermark', early: CLOCK }) }],
  ['max-length-lateness', 'allowedLatenessMs', { ...LONGEST, ...LATENESS }],
]

describe('a combination is refused by name', () => {
  it.each(
    REFUSED.flatMap(([name, at, ...operators]) =>
      operators.map((operator, index) => [`${name} ${index + 1}`, name, at, operator] as const),
    ),
  )('%s', (_, name, at, operator) => {
    const error = errorOf(operator)
    expect(error?.details).toMatchObject({ rule: name, path: `${AT}.${at}` })
    expect(error?.code).toBe(name === 'unreachable-trigger' ? 'TRIGGER_UNREACHABLE' : 'COMBINATION_INVALID')
  })

  it('and every name is in the table', () => {
    const names = allCombinations().map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
    expect([...new Set(REFUSED.map(([name]) => name))].sort()).toEqual([...names].sort())
  })

  it('with place, finding, wish and remedy in its message', () => {
    expect(errorOf({ ...GLOBAL, ...LATENESS })?.message).toBe(
      'Cannot accept operators[3].allowedLatenessMs: found allowed lateness of a global window, ' +
        'wanted none, since a window that never ends has nothing late; leave allowedLateness out',
    )
    expect(errorOf({ ...CALENDAR, ...PROCESSING })?.message).toContain('found a calendar window in processing time')
  })
})

describe('a combination is legal', () => {
  const TRIGGERS: readonly Json[] = [
    END,
    { kind: 'onWatermark', early: CLOCK, late: EACH },
    { kind: 'onWatermark', early: { kind: 'any', of: [EACH, CLOCK] }, purge: true },
    EACH,
    CLOCK,
    EVENT_TIME,
    { kind: 'afterProcessingTime', delayMs: 5 },
    { kind: 'onRecord', when: column('ok') },
    FUNCTION,
    { kind: 'any', of: [EACH, END] },
    { kind: 'all', of: [EACH, END] },
    {
      kind: 'inOrder',
      of: [
        { kind: 'orFinally', of: { kind: 'repeatedly', of: EACH }, until: END },
        { kind: 'repeatedly', of: EACH },
      ],
    },
    { kind: 'orFinally', of: { kind: 'repeatedly', of: EACH }, until: END },
    { kind: 'once', of: { kind: 'onWatermark', early: EACH } },
  ]
  const TIMED = { CALENDAR, TRADING, TABLE, CUSTOM, AROUND, BY_RECORD, SESSION, CUMULATE, tumbling: {} }

  it('every window of event time with every trigger, accumulation, closing, evictor and lateness', () => {
    for (const [name, shape] of Object.entries(TIMED)) {
      for (const spec of TRIGGERS) {
        for (const accumulation of ['accumulating', 'discarding', 'retracting']) {
          if (accumulation === 'retracting' && JSON.stringify(spec).includes('purge')) continue
          const isShared = shape === AROUND || shape === BY_RECORD
          if (isShared && (accumulation === 'discarding' || /purge|onRecord|custom/.test(JSON.stringify(spec)))) continue
          const evicts = isShared ? {} : LAST_TWO
          const rest = { ...LATENESS, ...SIDE, ...evicts, closing: 'always', emptyPanes: true, keepRecords: true }
          expect(errorOf({ ...shape, trigger: spec, accumulation, ...rest }), `${name} ${JSON.stringify(spec)} ${accumulation}`).toBeNull()
        }
      }
    }
  })

  it.each<[string, Json]>([
    ['sessions in processing time', { ...SESSION, ...PROCESSING, ...trigger(CLOCK) }],
    ['growing windows in processing time', { ...CUMULATE, ...PROCESSING, closing: 'always' }],
    ['a global window by count that purges', { ...GLOBAL, ...trigger({ kind: 'onCount', n: 4, purge: true }), ...LAST_TWO }],
    ['a global window at the end of the stream', { ...GLOBAL, ...trigger({ kind: 'onEnd' }), ...APPLY }],
    ['a global window in processing time', { ...GLOBAL, ...PROCESSING, ...trigger(CLOCK), ...RETRACTING }],
    ['late as it is without allowed lateness', trigger({ kind: 'onWatermark', late: EACH })],
    ['a trigger without the end of the window', { ...LATENESS, ...trigger(EACH) }],
    ['a side output of state windows', { ...STATE, ...SIDE }],
    ['a function of rows, discarding', { ...APPLY, accumulation: 'discarding', aggregates: {} }],
    ['a session with a maximum length', { ...LONGEST, ...SIDE }],
    ['retracting unchanged results', { ...RETRACTING, emitUnchanged: true }],
    ['count windows that are not full', window('countSliding', { n: 5, every: 7, partial: true })],
  ])('%s', (_, operator) => {
    expect(errorOf(operator)).toBeNull()
  })

  it('every one that the property tests make', () => {
    for (let seed = 1; seed <= 1_000; seed++) {
      const windowCase = randomWindowCase(new Prng(seed))
      const { plan, shape, keys } = windowCase
      const operators = [
        { uid: 'in', op: 'source', schema: CASE_SCHEMA },
        { uid: 'time', op: 'eventTime', inputs: ['in'], column: 't', watermark: { kind: 'monotonous' } },
        ...(keys.length === 0 ? [] : [{ uid: 'key', op: 'keyBy', inputs: ['time'], columns: keys }]),
        { ...plan, uid: 'w', op: 'window', inputs: [keys.length === 0 ? 'time' : 'key'], window: shape },
        { uid: 'out', op: 'sink', inputs: ['w'], name: 'out' },
      ]
      const json: unknown = JSON.parse(JSON.stringify({ millrace: 1, name: 'random', operators }))
      expect(() => loadPlan(json, functionsOf(windowCase)), `seed ${seed}`).not.toThrow()
    }
  })
})
