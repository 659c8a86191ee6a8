import { defineConfig } from '@playwright/test'
import { CHROMIUM, CHROMIUM_ARGS } from '../support/browsers.ts'

/** Two servers: one with a feed and isolation, and one that is a plain file host. Fixed ports, because storage belongs to an origin. */
const port = Number(process.env['MILLRACE_DASHBOARD_PORT'] ?? '18126')
export const fileHost = `http://localhost:${port + 100}/`

export default defineConfig({
  testDir: '.',
  testMatch: '*.spec.ts',
  outputDir: '../../test-results/dashboard',
  workers: 1,
  timeout: 90_000,
  expect: { timeout: 30_000 },
  webServer: {
    command: `node test/dashboard/server.mjs ${port} ${port + 100}`,
    url: fileHost,
    cwd: new URL('../../', import.meta.url).pathname,
    reuseExistingServer: false,
  },
  use: { baseURL: `http://localhost:${port}/` },
  projects: [
    {
      name: 'chromium',
      use: {
        browserName: 'chromium',
        launchOptions: { executablePath: CHROMIUM, args: [...CHROMIUM_ARGS] },
      },
    },
  ],
})
