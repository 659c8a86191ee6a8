/** `millrace/testing`: a job under test, with time, watermarks and crashes in the hands of the test. */

import type { Job } from '../runtime/pipeline-job.ts'
import { TestHarness, type TestOptions } from '../runtime/testing/test-harness.ts'
import { memoryCheckpoints } from './memory-store.ts'

export { ManualClock, type ManualClockOptions } from '../runtime/testing/manual-clock.ts'
export { type RestartOptions, TestHarness, type TestOptions } from '../runtime/testing/test-harness.ts'
export type { Result } from '../runtime/testing/test-sink.ts'

/**
 * Starts a job under test: the real kernels, rings and checkpoints, on one thread, with a clock that stands still.
 *
 * @example
 * ```ts
 * const test = await testJob(job)
 * await test.push({ device: 'a', at: 0, celsius: 20 }, { device: 'a', at: 59_999, celsius: 22 })
 * expect(test.rows()).toEqual([])
 * await test.advanceWatermark(59_999)
 * expect(test.take()).toEqual([
 *   { row: { windowStart: 0, windowEnd: 60_000, device: 'a', mean: 21 }, pane: { index: 0, timing: 1, change: '+I', isLast: true } },
 * ])
 * await test.close()
 * ```
 * @example A crash changes nothing
 * ```ts
 * const test = await testJob(job, { parallelism: 2 })
 * await test.push(...rows.slice(0, 100))
 * await test.checkpoint()
 * await test.push(...rows.slice(100))
 * await test.crash({ parallelism: 3 })
 * await test.end()
 * expect(test.rows()).toEqual(await run(job, rows))
 * ```
 */
export function testJob<J extends Job>(job: J, options: TestOptions = {}): Promise<TestHarness<J>> {
  return TestHarness.start(job, memoryCheckpoints(), options)
}
