/**
 * A Chromium that can be killed: a process of our own with a profile on the disk, which Puppeteer is connected to.
 *
 * Before: the campaign. After: pages with their CDP sessions.
 * It is started with what a user's browser has switched on, the back/forward cache too. Not Playwright: it keeps every page focused, and such
 * pages count as visible and do not freeze.
 *
 * Invariant: when it is closed or killed, none of its processes is left.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { type Browser, type CDPSession, connect, type Page } from 'puppeteer-core'
import { systemClock } from '../../runtime/clock.ts'
import { CHROMIUM, CHROMIUM_ARGS } from '../support/browsers.ts'
import type { TestBrowser } from './test-browser.ts'

const START_MS = 20_000
const CLOSE_MS = 5_000
const FLAGS = ['--headless=new', ...CHROMIUM_ARGS, '--disable-dev-shm-usage', '--remote-debugging-port=0']

export class Chromium implements TestBrowser {
  readonly #process: ChildProcess
  readonly #browser: Browser

  private constructor(spawned: ChildProcess, browser: Browser) {
    this.#process = spawned
    this.#browser = browser
  }

  static async open(profile: string): Promise<Chromium> {
    const portFile = join(profile, 'DevToolsActivePort')
    rmSync(portFile, { force: true })
    const spawned = spawn(CHROMIUM, [...FLAGS, `--user-data-dir=${profile}`, 'about:blank'], { detached: true, stdio: 'ignore' })
    const killAtExit = () => killGroup(spawned)
    process.once('exit', killAtExit)
    spawned.once('exit', () => process.off('exit', killAtExit))
    try {
      const end = systemClock.monotonic() + START_MS
      // The file is written in two steps: the port, then the address.
      while (!existsSync(portFile) || !readFileSync(portFile, 'utf8').includes('/devtools')) {
        if (systemClock.monotonic() > end) throw new Error(`Chromium did not start within ${START_MS} ms`)
        await systemClock.sleep(20)
      }
      const [port, path] = readFileSync(portFile, 'utf8').trim().split('\n')
      const browser = await connect({ browserWSEndpoint: `ws://127.0.0.1:${port}${path}`, defaultViewport: null })
      return new Chromium(spawned, browser)
    } catch (error) {
      killGroup(spawned)
      throw error
    }
  }

  newPage(): Promise<Page> {
    return this.#browser.newPage()
  }

  pages(): Promise<Page[]> {
    return this.#browser.pages()
  }

  cdp(page: Page): Promise<CDPSession> {
    return page.createCDPSession()
  }

  async closePages(): Promise<void> {
    const [, ...others] = await this.#browser.pages()
    // Now and then Chromium does not answer that a page is closed.
    const settled = new AbortController()
    await Promise.race([Promise.all(others.map((page) => page.close().catch(() => {}))), systemClock.sleep(CLOSE_MS, settled.signal)])
    settled.abort()
  }

  async kill(): Promise<void> {
    const ended = exitOf(this.#process)
    killGroup(this.#process)
    await ended
    await this.#browser.disconnect().catch(() => {})
  }

  async close(): Promise<void> {
    const ended = exitOf(this.#process)
    await this.#browser.close().catch(() => {})
    await Promise.race([ended, systemClock.sleep(3_000)])
    await this.kill()
  }
}

function exitOf(spawned: ChildProcess): Promise<void> {
  if (spawned.exitCode !== null || spawned.signalCode !== null) return Promise.resolve()
  const { promise, resolve } = Promise.withResolvers<void>()
  spawned.once('exit', () => resolve())
  return promise
}

function killGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL')
  } catch {
    // The group is gone.
  }
}
