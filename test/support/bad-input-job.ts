/**
 * A small job for what is wrong, and a folder for its files: whatever comes, its counts must add up.
 *
 * Before: tests of bad input and of damaged checkpoints. After: the runtime, inline.
 */

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect } from 'vitest'
import { count, max } from '../../runtime/aggregate.ts'
import type { DeadLetter } from '../../runtime/batch-builder.ts'
import type { JobStatus } from '../../runtime/coordinator/job-status.ts'
import { type Job, pipeline } from '../../runtime/pipeline.ts'
import { bool, f64, i32, schema, timestamp, utf8 } from '../../runtime/schema.ts'
import { collectSink } from '../../runtime/sink/callback-sink.ts'
import type { Source } from '../../runtime/source/source.ts'
import { start, type StartOptions } from '../../runtime/start.ts'
import { boundedOutOfOrderness } from '../../runtime/watermark.ts'
import { tumbling } from '../../runtime/window.ts'

/** A folder for one file of tests, which is gone when they are over. */
export function testFolder() {
  let root = ''
  let made = 0
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'millrace-bad-input-'))
  })
  afterAll(() => rm(root, { recursive: true, force: true }))
  return {
    /** A path within it where nothing is. */
    directory: () => join(root, `d${made++}`),
    async file(name: string, content: string | Uint8Array): Promise<string> {
      const path = join(root, `${made++}-${name}`)
      await writeFile(path, content)
      return path
    },
  }
}

export const columns = { k: utf8(), t: timestamp(), v: f64(), n: i32(), ok: bool() }
export const simple = pipeline('bad-input')
  .source('in', schema(columns))
  .eventTime('t', boundedOutOfOrderness('1s'))
  .keyBy('k')
  .window(tumbling('10s'))
  .aggregate({ rows: count(), most: max('v') })
  .sink('out')

interface Outcome {
  readonly status: JobStatus
  readonly letters: readonly DeadLetter[]
  readonly rows: readonly Readonly<Record<string, unknown>>[]
}

/** Runs it over a source, and checks what must hold whatever the source has. */
export async function outcome(source: Source, job: Job = simple, options: Partial<StartOptions> = {}): Promise<Outcome> {
  const letters: DeadLetter[] = []
  const out = collectSink()
  const run = await start(job, {
    host: 'inline',
    ...options,
    sources: { in: source },
    sinks: { out },
    onDeadLetter: (letter) => void letters.push(letter),
  } as StartOptions)
  const status = await run.finished
  const { recordsIn, late, filtered, deadLetters, windows } = status
  expect(windows[0]!.processed + late + filtered + deadLetters).toBe(recordsIn)
  expect(deadLetters).toBe(letters.length)
  for (const { reason, preview } of letters) {
    expect(reason.length).toBeGreaterThan(10)
    expect(preview.length).toBeLessThanOrEqual(120)
  }
  return { status, letters, rows: out.rows }
}
