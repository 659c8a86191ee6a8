import { defineConfig } from '@playwright/test'
import { CHROMIUM, CHROMIUM_ARGS } from '../support/browsers.ts'

/** The port on which the playground is served; another one where several copies of the project are tested at once. */
const port = process.env['MILLRACE_PLAYGROUND_PORT'] ?? '18117'

export default defineConfig({
  testDir: '.',
  testMatch: '*.spec.ts',
  outputDir: '../../test-results/playground',
  workers: 1,
  timeout: 60_000,
  webServer: {
    command: `node ../../examples/playground/serve.mjs ${port}`,
    url: `http://localhost:${port}/`,
    reuseExistingServer: false,
    cwd: import.meta.dirname,
  },
  use: {
    baseURL: `http://localhost:${port}/`,
    browserName: 'chromium',
    // Nothing plays by itself, and every picture is the same.
    contextOptions: { reducedMotion: 'reduce' },
    viewport: { width: 1440, height: 1000 },
    launchOptions: { executablePath: CHROMIUM, args: [...CHROMIUM_ARGS] },
  },
})
