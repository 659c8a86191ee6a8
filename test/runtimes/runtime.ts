/**
 * Deno and Bun, as they are installed for development: how each runs a script of ours.
 *
 * Before: node_modules. After: tests that run the same scripts in each, and in Node for comparison.
 *
 * Invariant: scripts run as they are, by the built package and the runtime's own condition of package.json.
 */

import { execFile } from 'node:child_process'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

export const root = fileURLToPath(new URL('../../', import.meta.url))

export interface Runtime {
  readonly name: string
  /** The program, and what comes before the script. */
  readonly command: readonly [string, ...string[]]
}

export const NODE: Runtime = { name: 'Node', command: [process.execPath] }

export const RUNTIMES: readonly Runtime[] = [
  // Not what is on the web: everything is in node_modules.
  { name: 'Deno', command: [`${root}node_modules/.bin/deno`, 'run', '--no-remote', '--allow-all'] },
  { name: 'Bun', command: [`${root}node_modules/.bin/bun`, 'run'] },
]

/** Runs a script to its end. @returns what it printed. @throws when its exit code is not 0. */
export async function runScript({ command: [program, ...first] }: Runtime, script: string, ...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(program, [...first, script, ...args], {
    cwd: root,
    maxBuffer: 1 << 28,
    env: { ...process.env, NO_COLOR: '1', DENO_NO_UPDATE_CHECK: '1' },
  })
  return stdout
}
