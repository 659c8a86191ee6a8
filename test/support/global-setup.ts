/** Builds what the tests run against (kernel and bundles) once, unless MILLRACE_BUILT says that it is there. */

import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export default function setup(): void {
  if (process.env['MILLRACE_BUILT'] !== undefined) return
  const build = fileURLToPath(new URL('../../.tools/build.mjs', import.meta.url))
  execFileSync(process.execPath, [build, 'kernel', 'bundles'], { stdio: 'inherit' })
}
