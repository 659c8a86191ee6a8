/**
 * An error as the page shows it: Millrace's code, message and remedy, and the place to correct.
 *
 * Before: whatever a program, a plan or a job threw. After: the editor, which marks the place.
 */

import { MillraceError } from 'millrace'
import type { Place, Problem } from '../model/trace.ts'

/** @param module - Address of the program's module, which its stack frames name. */
export function problemOf(error: unknown, module: string | null = null): Problem {
  if (!(error instanceof MillraceError)) {
    const plain = error instanceof Error ? error : new Error(String(error))
    return { code: plain.name, message: plain.message, suggestion: null, found: null, place: stackPlace(plain, module) }
  }
  const { path, found, suggestion } = error.details
  return {
    code: error.code,
    message: error.message,
    suggestion: typeof suggestion === 'string' ? suggestion : null,
    found: typeof found === 'string' ? found : null,
    place: stackPlace(error, module) ?? (typeof path === 'string' ? { kind: 'path', path } : null),
  }
}

/** The innermost call that the program made. */
function stackPlace(error: Error, module: string | null): Place | null {
  if (module === null || error.stack === undefined) return null
  for (const line of error.stack.split('\n')) {
    const at = line.indexOf(module)
    const found = at < 0 ? null : /^:(\d+):(\d+)/.exec(line.slice(at + module.length))
    if (found !== null) return { kind: 'text', line: Number(found[1]), column: Number(found[2]) }
  }
  return null
}
