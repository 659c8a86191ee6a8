/**
 * Where the browsers of tests are, and how Chromium is started: as root in a container, without a screen, and asking nobody but the test.
 *
 * Before: `.tools/programs.mjs` has found them, or what Debian installs is there. After: whoever drives one, through Playwright or Puppeteer.
 */

export const CHROMIUM = process.env['MILLRACE_CHROMIUM'] ?? '/usr/bin/chromium'
export const FIREFOX = process.env['MILLRACE_FIREFOX'] ?? '/usr/bin/firefox-esr'

export const CHROMIUM_ARGS: readonly string[] = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]
