/** The page as tests see it. */

import { expect, type Locator, type Page } from '@playwright/test'

/** Opens an example, or what a fragment says, and waits until it has been played and the editor is there. */
export async function open(page: Page, fragment = ''): Promise<void> {
  await page.goto(`/#${fragment}`)
  await expect(page.locator('.cm-editor').first()).toBeAttached()
  await settled(page)
}

/** Waits until the engine has nothing more to do. */
export async function settled(page: Page): Promise<void> {
  await expect(page.locator('.time-line')).toHaveAttribute('aria-busy', 'false')
}

/** Holds the engine back, which then has answered nothing yet. @returns what lets it go. */
export async function holdEngine(page: Page): Promise<() => void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  await page.route('**/worker.js', async (route) => {
    await promise
    await route.continue()
  })
  return resolve
}

export const slider = (page: Page): Locator => page.getByRole('slider', { name: 'Step' })
export const caption = (page: Page): Locator => page.getByTestId('caption')
export const records = (page: Page): Locator => page.locator('.record')
export const windows = (page: Page): Locator => page.locator('.window')

export async function goTo(page: Page, step: number): Promise<void> {
  await slider(page).fill(String(step))
}

/** Rows that a sink shows, as it got them. */
export async function shownRows(page: Page, sink: string): Promise<readonly object[]> {
  const rows = page.locator(`[data-sink="${sink}"] tbody tr:not([hidden])`)
  return (await rows.evaluateAll((all) => all.map((row) => (row as HTMLElement).title))).map((text) => JSON.parse(text) as object)
}

/** The program in the editor. */
export async function programOf(page: Page): Promise<string> {
  const lines = page.locator('#panel-typescript .cm-line')
  return (await lines.allTextContents()).join('\n')
}

/** Puts another text into the editor of a tab, as if it were typed at once. */
export async function write(page: Page, tab: 'typescript' | 'plan', text: string): Promise<void> {
  await page.locator(`#tab-${tab}`).click()
  const content = page.locator(`#panel-${tab} .cm-content`)
  await content.click()
  await page.keyboard.press('ControlOrMeta+a')
  await page.keyboard.insertText(text)
}
