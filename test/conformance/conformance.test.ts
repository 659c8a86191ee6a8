/**
 * The conformance cases beside the repository, as tests; and that the runner itself can tell right from wrong.
 *
 * Before: ../shared/conformance. After: nothing.
 *
 * Invariant: every supported case passes; what is skipped names a feature.
 */

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { sharedDescribe, sharedPath } from '../support/shared-data.ts'
import type { Case } from './case.ts'
import { readCases } from './folder.ts'
import { type CaseOutcome, runCase, runCases } from './runner.ts'

sharedDescribe('conformance', () => {
  test('every case whose features the product has passes', async () => {
    const outcomes: CaseOutcome[] = []
    for await (const outcome of runCases(readCases(sharedPath('conformance')))) outcomes.push(outcome)
    expect(outcomes.filter(({ kind }) => kind === 'failed')).toEqual([])
    expect(outcomes.filter(({ kind }) => kind === 'passed').length).toBeGreaterThanOrEqual(84)
  })

  test('nothing is skipped but operators to come and rules of other engines that contradict ours', async () => {
    const features = new Set<string>()
    for await (const outcome of runCases(readCases(sharedPath('conformance'))))
      if (outcome.kind === 'skipped') features.add(outcome.feature)
    const rules = ['session-touching-separate', 'kafka-session-closing', 'checkpoint-alignment']
    expect([...features].filter((feature) => !rules.includes(feature) && !/^(cep|join-)/.test(feature))).toEqual([])
  })

  test('a case with any one number changed fails', async () => {
    const file = sharedPath('conformance', 'windows-flink.json')
    const { cases } = JSON.parse(readFileSync(file, 'utf8')) as { cases: Case[] }
    const original = cases.find(({ id }) => id === 'flink.window.side-output-due-to-lateness-tumbling')!
    const expectations = original.script!.filter((step) => 'expect' in step)
    const text = JSON.stringify(expectations)
    const numbers = [...text.matchAll(/-?\d+/g)].filter(({ index }) => !text.slice(0, index).endsWith('"key'))
    for (const { 0: number, index } of numbers) {
      const changed = JSON.parse(`${text.slice(0, index)}${Number(number) + 1}${text.slice(index + number.length)}`) as typeof expectations
      let next = 0
      const script = original.script!.map((step) => ('expect' in step ? changed[next++]! : step))
      expect(await runCase({ ...original, script })).toMatchObject({ kind: 'failed' })
    }
    expect(numbers.length).toBeGreaterThan(5)
  })
})

const combine = (channels: number, script: readonly object[]): Case =>
  ({ id: 'own.case', kind: 'watermark-combine', requires: ['multi-input-watermarks'], config: { channels }, script }) as unknown as Case
const watermark = (channel: number, value: number) => ({ channel, watermark: value })
const idle = (channel: number) => ({ channel, status: 'idle' })
const active = (channel: number) => ({ channel, status: 'active' })
const emits = (...out: readonly object[]) => ({ expect: { out } })

test('an input that was idle takes part again once it has caught up, and its watermarks while idle are ignored', async () => {
  const script = [
    watermark(0, 10),
    watermark(1, 7),
    watermark(2, 3),
    emits({ watermark: 3 }),
    idle(2),
    emits({ watermark: 7 }),
    watermark(2, 20),
    active(2),
    watermark(2, 5),
    emits(),
    watermark(1, 12),
    emits({ watermark: 10 }),
    watermark(2, 11),
    watermark(0, 14),
    emits({ watermark: 11 }),
    idle(2),
    emits({ watermark: 12 }),
    active(2),
    idle(0),
    idle(1),
    emits(),
    idle(2),
    emits({ status: 'idle' }),
    active(0),
    emits({ status: 'active' }),
    { end: 1 },
    { end: 2 },
    emits({ watermark: 14 }),
  ]
  expect(await runCase(combine(3, script))).toEqual({ id: 'own.case', kind: 'passed' })
  expect(await runCase(combine(2, [watermark(0, 5), watermark(1, 6), emits({ watermark: 6 })]))).toMatchObject({ kind: 'failed' })
  expect(await runCase(combine(1, [watermark(0, 5), emits({ watermark: 5 }, { status: 'idle' })]))).toMatchObject({ kind: 'failed' })
})

test('generators of watermarks are probed, go idle by the clock, and go on after a restore', async () => {
  const generator = (config: object, script: readonly object[]): Case =>
    ({ id: 'own.case', kind: 'watermark-generator', requires: [], config: { watermark: config }, script }) as unknown as Case
  const bounded = { strategy: 'bounded-out-of-orderness', bound: 10, timeout: 5 }
  const script = [
    { t: 100 },
    { t: 90 },
    { probe: true },
    { expect: { watermark: 89 } },
    { checkpointRestore: true },
    { t: 95 },
    { probe: true },
    { expect: { watermark: 89 } },
    { checkIdle: true },
    { advanceProcessingTime: 6 },
    { checkIdle: true },
    { expect: { idle: true } },
    { t: 120 },
    { checkIdle: true },
    { probe: true },
    { expect: { watermark: 109, idle: false } },
  ]
  expect(await runCase(generator(bounded, script))).toEqual({ id: 'own.case', kind: 'passed' })
  expect(await runCase(generator(bounded, [...script.slice(0, 3), { expect: { watermark: 88 } }]))).toMatchObject({ kind: 'failed' })
  expect(await runCase(generator({ ...bounded, timeout: 6 }, script))).toMatchObject({ kind: 'failed' })
  const invalid = (definition: object) =>
    ({ ...generator({}, []), config: {}, script: undefined, invalid: [definition] }) as unknown as Case
  expect(await runCase(invalid({ strategy: 'bounded-out-of-orderness', bound: -1 }))).toMatchObject({ kind: 'passed' })
  expect(await runCase(invalid({ strategy: 'idleness', timeout: 1 }))).toMatchObject({ kind: 'failed' })
})

const step = (t: number) => ({ t, key: 'k', value: 1 })
const base: Case = {
  id: 'own.case',
  kind: 'window',
  requires: ['window-tumbling'],
  config: { window: { type: 'tumbling', size: 10 }, time: 'event', trigger: { type: 'event-time' }, aggregate: 'sum', allowedLateness: 5 },
}

test('a restore in the middle of a script changes no expectation, with watermarks by hand or generated', async () => {
  const fired = { expect: { out: [{ key: 'k', value: 2, start: 0, end: 10, pane: { timing: 'ON_TIME', index: 0 } }] } }
  const again = { expect: { out: [{ key: 'k', value: 3, start: 0, end: 10, pane: { timing: 'LATE', index: 1 } }] } }
  const restore = { checkpointRestore: true } as const
  const byHand = [
    step(1),
    restore,
    step(2),
    { watermark: 9 },
    fired,
    restore,
    step(3),
    restore,
    again,
    { watermark: 14 },
    step(4),
    restore,
    { expect: { out: [], dropped: 1 } },
  ]
  expect(await runCase({ ...base, script: byHand })).toEqual({ id: 'own.case', kind: 'passed' })
  const generated = [
    step(1),
    restore,
    step(2),
    step(10),
    fired,
    restore,
    step(3),
    restore,
    again,
    step(15),
    step(4),
    restore,
    { expect: { out: [], dropped: 1 } },
  ]
  const watermark = { strategy: 'bounded-out-of-orderness', bound: 0, emit: 'per-event' }
  expect(await runCase({ ...base, config: { ...base.config, watermark }, script: generated })).toEqual({
    id: 'own.case',
    kind: 'passed',
  })
})

test('a case is skipped for an operator or a rule that the product does not have, and for nothing else', async () => {
  const outcome = (changes: Partial<Case>) => runCase({ ...base, script: [], ...changes })
  expect(await outcome({ kind: 'interval-join', requires: ['join-interval'] })).toMatchObject({ kind: 'skipped', feature: 'join-interval' })
  expect(await outcome({ kind: 'cep', requires: [] })).toMatchObject({ kind: 'skipped', feature: 'kind cep' })
  expect(await outcome({ requires: ['kafka-session-closing'] })).toMatchObject({ kind: 'skipped', feature: 'kafka-session-closing' })
  expect(await outcome({ config: { ...base.config, aggregate: 'product' } })).toMatchObject({
    kind: 'skipped',
    feature: 'aggregate-product',
  })
  expect(await outcome({ config: { ...base.config, window: { type: 'moon' } } })).toMatchObject({ kind: 'failed' })
  expect(await outcome({ config: { ...base.config, trigger: { type: 'sometimes' } } })).toMatchObject({ kind: 'failed' })
})

test('definitions that make no window are refused, and those that do are not', async () => {
  const assign = (invalid: Case['invalid']): Case => ({
    id: 'own.assign',
    kind: 'assign',
    requires: ['config-validation'],
    config: {},
    invalid: invalid!,
  })
  const wrong = [0, -1, 0.5].flatMap((size) => [
    { type: 'tumbling', size },
    { type: 'sliding', size, slide: 1 },
    { type: 'sliding', size: 10, slide: size },
  ])
  expect(
    await runCase(assign([...wrong, { type: 'tumbling', size: 10, offset: 10 }, { type: 'sliding', size: 10, slide: 5, offset: -5 }])),
  ).toMatchObject({ kind: 'passed' })
  expect(await runCase(assign([{ type: 'sliding', size: 10, slide: 25, offset: -24 }]))).toMatchObject({ kind: 'failed' })
})
