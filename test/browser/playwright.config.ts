import { defineConfig } from '@playwright/test'

const executablePath = process.env['MILLRACE_CHROMIUM'] ?? '/usr/bin/chromium'

export default defineConfig({
  testDir: '.',
  testMatch: '*.spec.ts',
  outputDir: '../../test-results',
  workers: 1,
  timeout: 60_000,
  webServer: { command: 'node server.mjs 18110', url: 'http://localhost:18110/', reuseExistingServer: false, cwd: import.meta.dirname },
  use: {
    baseURL: 'http://localhost:18110/',
    browserName: 'chromium',
    launchOptions: {
      executablePath,
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
