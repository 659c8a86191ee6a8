/**
 * Which error a call throws: for tables of declarations that must be refused.
 *
 * Before: a declaration that is wrong. After: its code, and the place that the error names.
 *
 * Invariant: anything but a ConfigError is a failure of the test itself and thrown on.
 */

import { ConfigError } from '../../runtime/errors.ts'

export function configErrorOf(call: () => unknown): ConfigError | null {
  try {
    call()
  } catch (error) {
    if (error instanceof ConfigError) return error
    throw error
  }
  return null
}

/** Code of the ConfigError that the call throws; null if it throws nothing. */
export function codeOf(call: () => unknown): string | null {
  return configErrorOf(call)?.code ?? null
}
