/**
 * A Firefox that can be killed, through WebDriver BiDi: no driver of its own is needed.
 *
 * Before: the campaign. After: pages.
 *
 * Invariant: when it is closed or killed, none of its processes is left.
 */

import process from 'node:process'
import { type Browser, type CDPSession, launch, type Page } from 'puppeteer-core'
import { systemClock } from '../../runtime/clock.ts'
import { FIREFOX } from '../support/browsers.ts'
import type { TestBrowser } from './test-browser.ts'

/** The next one finds the lock of the profile until the last process of this one is gone. */
const LOCK_MS = 500

export class Firefox implements TestBrowser {
  readonly #browser: Browser

  private constructor(browser: Browser) {
    this.#browser = browser
  }

  static async open(profile: string): Promise<Firefox> {
    return new Firefox(
      await launch({ browser: 'firefox', executablePath: FIREFOX, headless: true, userDataDir: profile, defaultViewport: null }),
    )
  }

  newPage(): Promise<Page> {
    return this.#browser.newPage()
  }

  pages(): Promise<Page[]> {
    return this.#browser.pages()
  }

  cdp(): Promise<CDPSession> {
    throw new TypeError('Firefox has no DevTools protocol')
  }

  async closePages(): Promise<void> {
    const [, ...others] = await this.#browser.pages()
    await Promise.all(others.map((page) => page.close().catch(() => {})))
  }

  async kill(): Promise<void> {
    const spawned = this.#browser.process()!
    if (spawned.exitCode === null && spawned.signalCode === null) {
      const { promise: ended, resolve } = Promise.withResolvers<void>()
      spawned.once('exit', () => resolve())
      try {
        // It leads a group of its own, with the processes of its pages.
        process.kill(-spawned.pid!, 'SIGKILL')
      } catch {
        spawned.kill('SIGKILL')
      }
      await ended
    }
    await systemClock.sleep(LOCK_MS)
  }

  async close(): Promise<void> {
    await Promise.race([this.#browser.close().catch(() => {}), systemClock.sleep(5_000)])
    await this.kill()
  }
}
