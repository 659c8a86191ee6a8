/** What faults do with any browser: pages on a profile that lies on the disk, and an end by the axe. */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CDPSession, Page } from 'puppeteer-core'

export interface TestBrowser {
  newPage(): Promise<Page>
  pages(): Promise<Page[]>
  /** Chromium alone has one. */
  cdp(page: Page): Promise<CDPSession>
  /** Closes every page but one, which keeps the browser alive. */
  closePages(): Promise<void>
  /** As `kill -9` of everything that belongs to it. */
  kill(): Promise<void>
  /** An orderly end, so that everything is on the disk. */
  close(): Promise<void>
}

/** A folder for a profile, which outlives the browser. */
export async function temporaryProfile(): Promise<{ readonly path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'millrace-profile-'))
  return { path, remove: () => rm(path, { recursive: true, force: true, maxRetries: 5 }) }
}
