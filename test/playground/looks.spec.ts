/** How the page looks and whether everybody can use it: axe in light, dark and on a phone; pictures to be looked at. */

import { fileURLToPath } from 'node:url'
import { AxeBuilder } from '@axe-core/playwright'
import { expect, test } from '@playwright/test'
import { goTo, open } from './page.ts'

// Those that documents show are only written when asked for, so that tests leave the tree as it is.
const place = process.env['MILLRACE_PICTURES'] === undefined ? 'test-results/playground' : 'examples/playground/screenshots'
const folder = fileURLToPath(new URL(`../../${place}/`, import.meta.url))

const LOOKS = [
  { name: 'light', colorScheme: 'light', viewport: { width: 1440, height: 1000 } },
  { name: 'dark', colorScheme: 'dark', viewport: { width: 1440, height: 1000 } },
  { name: 'phone', colorScheme: 'light', viewport: { width: 390, height: 844 } },
] as const

/** Examples and steps at which there is much to see. */
const PICTURES = [
  ['tumbling', 8],
  ['sessions', 6],
  ['corrections', 11],
  ['linked-sessions', 7],
  ['strategies', 13],
] as const

for (const { name, colorScheme, viewport } of LOOKS) {
  test.describe(name, () => {
    test.use({ colorScheme, viewport })

    test('axe finds nothing, in examples and with something wrong', async ({ page }) => {
      for (const id of ['corrections', 'strategies', 'sort', 'idle']) {
        await open(page, id)
        await goTo(page, 9)
        expect(
          (await new AxeBuilder({ page }).analyze()).violations.map(({ id: rule, nodes }) => [
            rule,
            nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`),
          ]),
          id,
        ).toEqual([])
      }
      for (const tab of ['Plan (JSON)', 'In words', 'NDJSON', 'Generate']) await page.getByRole('tab', { name: tab }).click()
      await page.getByRole('tab', { name: 'NDJSON' }).click()
      await page.getByRole('textbox', { name: 'Stream as NDJSON' }).fill('{')
      await page.getByRole('tab', { name: 'Plan (JSON)' }).click()
      await page.locator('#panel-plan .cm-content').click()
      await page.keyboard.type('x')
      await expect(page.locator('.editor .problem')).toBeVisible()
      expect(
        (await new AxeBuilder({ page }).analyze()).violations.map(({ id: rule, nodes }) => [
          rule,
          nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`),
        ]),
      ).toEqual([])
    })

    test('nothing is wider than the page', async ({ page }) => {
      for (const id of ['tumbling', 'strategies', 'state']) {
        await open(page, id)
        const { scroll, client } = await page.evaluate(() => ({
          scroll: document.documentElement.scrollWidth,
          client: document.documentElement.clientWidth,
        }))
        expect(scroll, id).toBe(client)
      }
    })

    test('pictures', async ({ page }) => {
      for (const [id, step] of PICTURES) {
        await open(page, id)
        await goTo(page, step)
        await page.evaluate(() => (document.activeElement as HTMLElement).blur())
        await page.waitForTimeout(100)
        await page.screenshot({ path: `${folder}${id}-${name}.png` })
      }
    })
  })
}
