/**
 * That the random cases of whole windows are what they are meant to be: every legal combination, and streams that meet the rules.
 *
 * Before: window-plans. After: nothing.
 *
 * Invariant: the seeds counted here are the seeds that panes.test runs.
 */

import { expect, test } from 'vitest'
import { exactText } from '../oracle/panes/aggregates.ts'
import { oracleOf } from '../oracle/panes/operator.ts'
import { type Arrival, type OraclePlan, windowsOf } from '../oracle/windows.ts'
import { Prng } from '../support/prng.ts'
import { isNeighbours, isPlain, MODES, randomWindowCase, WINDOW_KINDS } from './window-plans.ts'
import { COMBINATORS, LEAF_KINDS, triggerKinds } from './window-triggers.ts'

const SEEDS = 5_000
/** Least cases of each combination. */
const LEAST = 3

test('every window meets every trigger in every mode', () => {
  const counts = new Map<string, number>()
  for (let seed = 1; seed <= SEEDS; seed++) {
    const { kind, plan } = randomWindowCase(new Prng(seed))
    for (const trigger of new Set(triggerKinds(plan.trigger))) {
      const name = `${kind} ${trigger} ${plan.accumulation}`
      counts.set(name, (counts.get(name) ?? 0) + 1)
    }
  }
  const wanted = WINDOW_KINDS.filter((kind) => !isPlain(kind)).flatMap((kind) =>
    [...LEAF_KINDS, ...COMBINATORS]
      .filter((trigger) => (trigger !== 'onEnd' || kind === 'global') && (trigger !== 'onRecord' || !isNeighbours(kind)))
      .flatMap((trigger) =>
        MODES.filter((mode) => mode !== 'discarding' || !isNeighbours(kind)).map((mode) => `${kind} ${trigger} ${mode}`),
      ),
  )
  const rare = wanted.filter((name) => (counts.get(name) ?? 0) < LEAST)
  expect(rare, rare.join(', ')).toEqual([])
})

test('every other setting of an operator occurs, and every outcome of a stream', () => {
  const seen = new Map<string, number>()
  const see = (name: string) => seen.set(name, (seen.get(name) ?? 0) + 1)
  for (let seed = 1; seed <= 3_000; seed++) {
    const { kind, plan, keys, events } = randomWindowCase(new Prng(seed))
    const oracle = oracleOf(plan, events)
    see(`window ${kind}`)
    see(`time ${plan.time}`)
    see(`closing ${plan.closing ?? 'none'}`)
    see(`evictor ${plan.evictor === undefined ? 'none' : `${plan.evictor.kind}${plan.evictor.after ? ' after' : ''}`}`)
    see(`empty panes ${plan.emptyPanes ?? false}`)
    see(`unchanged ${plan.emitUnchanged ?? false}`)
    see(`keys ${keys.length}`)
    if (oracle.late.length > 0) see('late records')
    if (oracle.closedCount > 0) see('records of closed windows')
    if (oracle.outsideCount > 0) see('records outside')
    for (const { timing, change, isLast } of oracle.rows) {
      see(`pane ${timing}`)
      see(`pane ${change}`)
      see(`pane last ${isLast}`)
    }
    for (const { fn } of Object.values(plan.aggregates)) see(`aggregate ${fn}`)
  }
  const rare = [...seen].filter(([, count]) => count < 20)
  expect(rare).toEqual([])
  for (const name of ['late records', 'records of closed windows', 'records outside', 'pane -D', 'pane -U', 'pane early', 'pane late'])
    expect(seen.get(name), name).toBeGreaterThan(50)
})

test('a seed gives one case', () => {
  const text = (seed: number) => JSON.stringify(randomWindowCase(new Prng(seed)))
  for (let seed = 1; seed <= 50; seed++) expect(text(seed)).toBe(text(seed))
})

test('the oracle of whole windows and that of plain ones agree where both apply', () => {
  let rowCount = 0
  for (let seed = 1; seed <= 600; seed++) {
    const { plan, events } = randomWindowCase(new Prng(seed), { kind: seed % 2 === 0 ? 'tumbling' : 'sliding' })
    if (plan.window.kind !== 'tumbling' && plan.window.kind !== 'sliding') throw new RangeError('Another kind')
    const { allowedLatenessMs = 0, window } = plan
    const aggregates = { n: { fn: 'count' }, v: { fn: 'sum', column: 'v' }, last: { fn: 'last', column: 'v' } } as const
    const { rows, late, outsideCount } = oracleOf({ window, allowedLatenessMs, aggregates }, events)
    const plain: OraclePlan = {
      sizeMs: window.sizeMs,
      slideMs: window.kind === 'sliding' ? window.slideMs : window.sizeMs,
      offsetMs: window.offsetMs ?? 0,
      allowedLatenessMs,
      aggregates,
    }
    const arrivals = events.flatMap((event): Arrival[] => {
      if (event.kind === 'processingTime') return []
      return [event.kind === 'watermark' ? event : { kind: 'record', timeMs: event.timeMs, key: event.key, values: event.row }]
    })
    const expected = windowsOf(plain, arrivals)
    const short = (list: readonly { windowStart: number | null; index: number; timing: string; values: object; key: object }[]) =>
      list.map(({ windowStart, index, timing, values, key }) => exactText([key, windowStart, index, timing, values])).sort()
    expect(short(rows), `seed ${seed}`).toEqual(short(expected.panes))
    expect(late.length).toBe(expected.dropped.length)
    expect(outsideCount).toBe(expected.outsideCount)
    rowCount += rows.length
  }
  expect(rowCount).toBeGreaterThan(3_000)
})
