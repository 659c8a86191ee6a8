// Finds a Chromium for the browser tests, or installs Debian's where that is possible, or fails with the remedy.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'

const candidates = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
]

export function findChromium() {
  const named = process.env.MILLRACE_CHROMIUM
  if (named !== undefined) {
    if (existsSync(named)) return named
    throw new Error(`MILLRACE_CHROMIUM names ${named}, which does not exist`)
  }
  const found = candidates.find((path) => existsSync(path))
  if (found !== undefined) return found
  if (process.getuid?.() === 0 && spawnSync('apt-get', ['--version']).status === 0) {
    console.log('No Chromium found: installing the chromium package of this system (apt-get) for the browser tests')
    execFileSync('apt-get', ['update', '-qq'], { stdio: 'inherit' })
    execFileSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'chromium'], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    })
    if (existsSync(candidates[0])) return candidates[0]
  }
  throw new Error(
    'The browser tests need Chromium or Chrome: install it (Debian: apt-get install chromium) or set MILLRACE_CHROMIUM to its path',
  )
}
