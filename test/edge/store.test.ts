import { Miniflare } from 'miniflare'
import { expect, test } from 'vitest'
import type { SuiteResult } from '../support/portable-suite.ts'
import { edgeBundle } from './edge-bundle.ts'

test('the store and the journal of a Durable Object keep their contracts in workerd', async () => {
  const { options } = await edgeBundle('objects/store-object.ts')
  const miniflare = new Miniflare({ ...options, durableObjects: { STORES: { className: 'Stores', useSQLite: true } } })
  try {
    const response = await miniflare.dispatchFetch('http://object/')
    const { passed, failures } = (await response.json()) as SuiteResult
    expect(failures).toEqual([])
    expect(passed).toBeGreaterThanOrEqual(60)
  } finally {
    await miniflare.dispose()
  }
})
