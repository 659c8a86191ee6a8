import { defineConfig } from '@playwright/test'

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
    launchOptions: {
      executablePath: process.env['MILLRACE_CHROMIUM'] ?? '/usr/bin/chromium',
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    },
  },
})
