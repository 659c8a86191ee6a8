/**
 * Twenty seconds of the soak in every `npm test`; ten minutes by `npm run soak -- --minutes 10`.
 *
 * Before: soak. After: nothing.
 */

import { expect, test } from 'vitest'
import { mib, type Sample, tableLine, verdictsOf } from './curve.ts'
import { soak } from './soak.ts'

test('memory stays bounded under keys, sessions and time without end', { timeout: 90_000 }, async () => {
  const { samples, rows, results, late, checkpoints } = await soak({
    seconds: 20,
    everySeconds: 0.5,
    host: 'inline',
    parallelism: 2,
    stringsMax: 20_000,
  })
  const table = samples.map(tableLine).join('\n')
  for (const { measure, thirdQuarter, lastQuarter, isBounded } of verdictsOf(samples))
    expect(isBounded, `${measure}: ${mib(thirdQuarter)}, then ${mib(lastQuarter)}\n${table}`).toBe(true)
  for (const seen of [rows, results, late, checkpoints]) expect(seen).toBeGreaterThan(0)
})

test('a curve that grows in its second half is called so', () => {
  const sample = (index: number, stateBytes: number): Sample => ({
    seconds: index,
    rows: index,
    keys: 0,
    windows: 0,
    stateBytes,
    heapBytes: 5e7,
    rssBytes: 2e8,
  })
  const verdict = (curve: (index: number) => number) =>
    verdictsOf(Array.from({ length: 40 }, (_, index) => sample(index, curve(index)))).find(({ measure }) => measure === 'stateBytes')!
  expect(verdict((index) => 1e7 + index * 1e6).isBounded).toBe(false)
  expect(verdict((index) => 1e7 * (1 - 0.8 ** index)).isBounded).toBe(true)
  expect(verdict((index) => 1e7 + (index % 7) * 1e6).isBounded).toBe(true)
})
