// `npm test`: builds, runs every test (Vitest, then Playwright in a real browser) and sums up. The last line is `N passed, N failed`.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { findProgram } from './programs.mjs'

const root = fileURLToPath(new URL('../', import.meta.url))
const cache = `${root}.cache/`
const bin = (name) => `${root}node_modules/.bin/${name}`

let failed = false
function run(command, args, env = {}) {
  const { status } = spawnSync(command, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } })
  if (status !== 0) failed = true
}

mkdirSync(cache, { recursive: true })
const [chromium, firefox, webkit, mosquitto] = ['chromium', 'firefox', 'webkit', 'mosquitto'].map(findProgram)
execFileSync(process.execPath, [`${root}.tools/build.mjs`], { cwd: root, stdio: 'inherit' })

const reports = {
  vitest: `${cache}vitest.json`,
  playwright: `${cache}playwright.json`,
  playground: `${cache}playground.json`,
  dashboard: `${cache}dashboard.json`,
}
for (const report of Object.values(reports)) rmSync(report, { force: true })
run(
  bin('vitest'),
  ['run', '--config', 'test/vitest.config.ts', '--reporter=default', '--reporter=json', `--outputFile.json=${reports.vitest}`],
  {
    MILLRACE_BUILT: '1',
    MILLRACE_MOSQUITTO: mosquitto,
  },
)
run(bin('playwright'), ['test', '--config', 'test/browser/playwright.config.ts', '--reporter=list,json'], {
  MILLRACE_CHROMIUM: chromium,
  MILLRACE_FIREFOX: firefox,
  MILLRACE_WEBKIT: webkit,
  PLAYWRIGHT_JSON_OUTPUT_NAME: reports.playwright,
})

run(bin('playwright'), ['test', '--config', 'test/playground/playwright.config.ts', '--reporter=list,json'], {
  MILLRACE_CHROMIUM: chromium,
  PLAYWRIGHT_JSON_OUTPUT_NAME: reports.playground,
})
run(bin('playwright'), ['test', '--config', 'test/dashboard/playwright.config.ts', '--reporter=list,json'], {
  MILLRACE_CHROMIUM: chromium,
  PLAYWRIGHT_JSON_OUTPUT_NAME: reports.dashboard,
})

// A report that is missing is a run that did not happen.
const read = (file) => (existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : null)
const vitest = read(reports.vitest)
const pages = [reports.playwright, reports.playground, reports.dashboard].map(read)
const passed = pages.reduce((sum, report) => sum + (report?.stats.expected ?? 0), vitest?.numPassedTests ?? 0)
// A spec that does not load is an error of the run, not a failed test.
const failuresOf = (report) => (report === null ? 1 : report.stats.unexpected + report.stats.flaky + report.errors.length)
let failures = pages.reduce((sum, report) => sum + failuresOf(report), vitest?.numFailedTests ?? 1)
if (failed && failures === 0) failures = 1
console.log(`\n${passed} passed, ${failures} failed`)
process.exitCode = failures === 0 && passed > 0 ? 0 : 1
