import { defineConfig } from '@playwright/test'
import { CHROMIUM, CHROMIUM_ARGS, FIREFOX } from '../support/browsers.ts'

/** A fixed port, because storage of a page belongs to its origin; another one where several copies of the project are tested at once. */
const port = process.env['MILLRACE_TEST_PORT'] ?? '18110'

export default defineConfig({
  testDir: '..',
  outputDir: '../../test-results',
  workers: 1,
  timeout: 60_000,
  webServer: { command: `node server.mjs ${port}`, url: `http://localhost:${port}/`, reuseExistingServer: false, cwd: import.meta.dirname },
  use: { baseURL: `http://localhost:${port}/` },
  projects: [
    {
      name: 'chromium',
      testMatch: ['browser/*.spec.ts', 'packaging/*.spec.ts'],
      use: {
        browserName: 'chromium',
        launchOptions: { executablePath: CHROMIUM, args: [...CHROMIUM_ARGS] },
      },
    },
    {
      // Debian's Firefox, through WebDriver BiDi.
      name: 'firefox',
      testIgnore: 'chromium-*.spec.ts',
      testMatch: 'browser/*.spec.ts',
      use: {
        browserName: 'firefox',
        channel: 'moz-firefox',
        launchOptions: { executablePath: FIREFOX },
      },
    },
    // WebKitGTK, through its own WebDriver: Playwright only runs the tests.
    { name: 'webkit', testMatch: 'browser/webkit/*.spec.ts' },
    // Browsers of their own, which can be killed.
    { name: 'faults', testMatch: 'browser-faults/*.spec.ts' },
  ],
})
