/**
 * A job and its options, made of what a page has described.
 *
 * Before: main.ts, in the worker. After: `start`.
 *
 * Invariant: nothing of the description is ignored: what is not known is refused by its path.
 */

import { type CheckpointOptions, fromPlan, type Job, type StartOptions } from '../../runtime/index.ts'
import { checkNames, fieldsOf, made } from './kind.ts'
import { SINKS, SOURCES, STORES } from './kinds.ts'
import { CHECKPOINT_SETTINGS, DATA_OPTIONS } from './plan-parameters.ts'

/**
 * @throws ConfigError `DESCRIPTION_INVALID`, `KIND_UNKNOWN`, `FIELD_UNKNOWN`, `FIELD_MISSING`, those of plans and those of the adapters.
 */
export function planJob(parameters: unknown): { readonly job: Job; readonly options: StartOptions } {
  const { plan, sources, sinks, checkpoints, ...rest } = fieldsOf(parameters, 'parameters', 'an object with plan, sources and sinks')
  checkNames(rest, ['plan', 'sources', 'sinks', 'checkpoints', ...DATA_OPTIONS], 'parameters')
  const each = <T>(of: string, value: unknown, make: (description: unknown, path: string) => T): Record<string, T> =>
    Object.fromEntries(
      Object.entries(fieldsOf(value, of, `an object: a description for each of the plan's ${of}`)).map(([name, description]) => [
        name,
        make(description, `${of}.${name}`),
      ]),
    )
  const options: StartOptions = {
    ...rest,
    sources: each('sources', sources, (description, path) => made(SOURCES, description, path)),
    sinks: each('sinks', sinks, (description, path) => made(SINKS, description, path)),
    ...(checkpoints === undefined ? {} : { checkpoints: checkpointOptions(checkpoints) }),
  }
  return { job: fromPlan(plan), options }
}

function checkpointOptions(description: unknown): CheckpointOptions {
  const fields = Object.entries(fieldsOf(description, 'checkpoints', "an object with a kind, such as { kind: 'memory' }"))
  const isSetting = ([name]: readonly [string, unknown]) => (CHECKPOINT_SETTINGS as readonly string[]).includes(name)
  const settings = Object.fromEntries(fields.filter(isSetting))
  const store = made(STORES, Object.fromEntries(fields.filter((entry) => !isSetting(entry))), 'checkpoints')
  return { ...settings, store }
}
