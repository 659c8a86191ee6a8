/**
 * PLAN.json as a job, and the names at its edges.
 *
 * Before: the first argument of a command. After: bindings, which gives every name a file.
 *
 * Invariant: a plan that cannot be used is refused here, with the name of the file in the message.
 */

import { readFile } from 'node:fs/promises'
import { ConfigError, fromPlan, type Job, MillraceError } from '../../runtime/index.ts'

/** A name that `--sink` binds: a sink operator, or the late output of a window. */
export interface Outlet {
  readonly name: string
  /** Whether its rows are panes of a window: the result of one, filtered or mapped perhaps. */
  readonly hasPanes: boolean
}

/** @throws ConfigError `PLAN_UNREADABLE`, `PLAN_SYNTAX` and those of loading a plan. */
export async function readPlan(path: string): Promise<Job> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    const why = error.code === 'ENOENT' ? 'there is no such file' : error.code === 'EISDIR' ? 'it is a directory' : error.message
    throw new ConfigError('PLAN_UNREADABLE', `Cannot read the plan ${path}: ${why}`, { details: { path }, cause: error })
  })
  let json: unknown
  try {
    json = JSON.parse(text.replace(/^\uFEFF/, ''))
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new ConfigError('PLAN_SYNTAX', `The plan ${path} is not JSON: ${why}`, { details: { path }, cause: error })
  }
  try {
    return fromPlan(json)
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error
    throw new ConfigError(error.code, `${path}: ${error.message}`, { details: { file: path, ...error.details }, cause: error })
  }
}

export function sourceNames({ plan }: Job): readonly string[] {
  return plan.operators.filter(({ op }) => op === 'source').map(({ uid }) => uid)
}

export function outletsOf({ plan }: Job): readonly Outlet[] {
  const operators = new Map(plan.operators.map((spec) => [spec.uid, spec]))
  const outlets: Outlet[] = []
  for (const spec of plan.operators) {
    if (spec.op === 'sink') {
      let at = operators.get(spec.inputs[0])
      while (at !== undefined && at.op !== 'window' && at.op !== 'source') at = operators.get(at.inputs[0])
      outlets.push({ name: spec.name, hasPanes: at?.op === 'window' })
    }
    if (spec.op === 'window' && spec.late.kind === 'sideOutput') outlets.push({ name: spec.late.name, hasPanes: false })
    if (spec.op === 'trackSequence' && spec.findingsTo !== undefined) outlets.push({ name: spec.findingsTo, hasPanes: false })
  }
  return outlets
}
