/** Jobs on sources that always have more at hand: whoever waits for something else gets its turn. */

import { expect, test } from 'vitest'
import { memoryCheckpoints } from '../../adapters/memory-store.ts'
import { pipeline } from '../../runtime/pipeline.ts'
import { f64, schema } from '../../runtime/schema.ts'
import { systemClock } from '../../runtime/clock.ts'
import type { Sink } from '../../runtime/sink/sink.ts'
import { iterableSource } from '../../runtime/source/iterable-source.ts'
import { start } from '../../runtime/start.ts'

test('a sink that takes its time to prepare is not kept from it by a source that is always ready', { timeout: 20_000 }, async () => {
  let prepared = 0
  const sink: Sink = {
    kind: 'slow',
    delivery: 'at-least-once',
    open: async () => ({
      write: () => {},
      prepare: async () => {
        // A turn of the event loop, as a file needs: a promise alone would come back in the same turn.
        await systemClock.sleep(5)
        prepared++
        return {}
      },
      commit: async () => {},
      finish: async () => {},
      close: async () => {},
    }),
  }
  function* endless() {
    for (let v = 0; ; v++) yield { v }
  }
  const run = await start(
    pipeline('endless')
      .source('in', schema({ v: f64() }))
      .sink('out'),
    {
      sources: { in: iterableSource(endless()) },
      sinks: { out: sink },
      host: 'inline',
      checkpoints: { store: memoryCheckpoints(), every: '10ms' },
      onWarning: () => {},
    },
  )
  while (prepared < 3) await systemClock.sleep(5)
  expect((await run.status()).checkpoints.count).toBeGreaterThan(0)
  await run.stop()
})
