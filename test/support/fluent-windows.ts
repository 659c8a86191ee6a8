/**
 * Windows of the fluent API for tests: a job over one source, up to where a test goes on, and what became of it.
 *
 * Before: a test that declares. After: the job's plan.
 */

import { expect } from 'vitest'
import * as m from '../../runtime/index.ts'
import { ConfigError, f64, i32, type Job, pipeline, schema, timestamp, tumbling, utf8 } from '../../runtime/index.ts'
import { bool } from '../../runtime/schema.ts'

const READINGS = schema({ device: utf8(), at: timestamp(), celsius: f64(), n: i32(), ok: bool() })
export const timed = () => pipeline('job').source('in', READINGS).eventTime('at', m.monotonous())
export const windowed = (window: m.WindowDeclaration = tumbling('1m')) => timed().keyBy('device').window(window)
export const windowIn = (job: Job) => job.plan.operators.find((operator) => operator.op === 'window')!
export const loose = (value: unknown): never => value as never

export function errorOf(call: () => unknown): ConfigError {
  try {
    call()
  } catch (error) {
    if (error instanceof ConfigError) return error
    throw error
  }
  throw new Error('nothing was refused')
}

/** The plan is the same after a journey through JSON. */
export function expectPlain(job: Job): void {
  expect(m.fromPlan(JSON.parse(JSON.stringify(job.plan)), job.functions).plan).toEqual(job.plan)
}
