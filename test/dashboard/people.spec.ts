/** The page for everybody: by keyboard, by screen reader, in light and dark, on a phone. */

import { AxeBuilder } from '@axe-core/playwright'
import { expect, test } from '@playwright/test'
import { open } from './page.ts'

const SCREENS = {
  light: { viewport: { width: 1440, height: 1000 }, colorScheme: 'light' },
  dark: { viewport: { width: 1440, height: 1000 }, colorScheme: 'dark' },
  phone: { viewport: { width: 390, height: 844 }, colorScheme: 'light', isMobile: true, hasTouch: true, deviceScaleFactor: 2 },
} as const

for (const [name, screen] of Object.entries(SCREENS)) {
  test.describe(name, () => {
    test.use(screen)

    test(`${name}: axe finds nothing, nothing is wider than the screen, and the picture is taken`, async ({ page }) => {
      await open(page, '/')
      await page.waitForTimeout(9_000)
      for (const index of [0, 3, 6]) await page.locator('#top-rows button').nth(index).click()
      const { violations } = await new AxeBuilder({ page }).analyze()
      expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`)).toEqual([])
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(screen.viewport.width)
      // Panels are drawn while they are seen: a page as high as its content has all of them in view.
      const height = await page.evaluate(() => document.documentElement.scrollHeight)
      await page.setViewportSize({ width: screen.viewport.width, height })
      await page.waitForTimeout(2_500)
      // Those that documents show are only written when asked for, so that tests leave the tree as it is.
      const folder = process.env['MILLRACE_PICTURES'] === undefined ? 'test-results/dashboard' : 'examples/dashboard/screenshots'
      await page.screenshot({ path: `${folder}/${name}.png` })
    })
  })
}

test('every control is reached by Tab, and every one shows that it has the focus', async ({ page }) => {
  await open(page, '/')
  await page.waitForTimeout(3_000)
  const wanted = await page.evaluate(() => {
    const all = document.querySelectorAll<HTMLElement>('button, select, input, summary, a[href], [tabindex="0"]')
    const reachable = [...all].filter((element) => element.checkVisibility({ visibilityProperty: true }))
    // Of radio buttons of a group Tab reaches the one that is chosen.
    return reachable.filter((element) => !(element instanceof HTMLInputElement && element.type === 'radio' && !element.checked)).length
  })
  const seen = new Set<string>()
  for (let press = 0; press < wanted + 4; press++) {
    await page.keyboard.press('Tab')
    const focus = await page.evaluate(() => {
      const element = document.activeElement as HTMLElement
      const all = [...document.querySelectorAll('*')]
      const shown = element instanceof HTMLInputElement && element.type === 'radio' ? element.nextElementSibling! : element
      const { outlineStyle, outlineWidth } = getComputedStyle(shown)
      return {
        index: all.indexOf(element),
        isBody: element === document.body,
        isOutlined: outlineStyle !== 'none' && outlineWidth !== '0px',
        html: element.outerHTML.slice(0, 120),
      }
    })
    if (focus.isBody) continue
    expect(focus.isOutlined, focus.html).toBe(true)
    seen.add(String(focus.index))
  }
  expect(seen.size).toBe(wanted)
})

test('the theme is that of the system until another is chosen, from the first paint on and for canvases, too', async ({ page }) => {
  // A policy under which scripts are files.
  await page.route('/', async (route) => {
    const response = await route.fetch()
    await route.fulfill({ response, headers: { ...response.headers(), 'content-security-policy': "script-src 'self' 'wasm-unsafe-eval'" } })
  })
  // Before there is anything to draw.
  await page.addInitScript(() => {
    const parsed = new MutationObserver(() => {
      if (document.body === null) return
      parsed.disconnect()
      Object.assign(globalThis, { first: document.documentElement.dataset['theme'] ?? 'none' })
    })
    parsed.observe(document, { childList: true, subtree: true })
  })
  const paper = () => page.evaluate(() => getComputedStyle(document.documentElement).getPropertyValue('--paper').trim())
  const first = () => page.evaluate(() => (globalThis as unknown as { first: string }).first)
  const canvases = () =>
    page.evaluate(() =>
      (globalThis as unknown as { dashboard?: { palette: { get(name: string): string } } }).dashboard?.palette.get('paper'),
    )
  const [light, dark] = ['#f5f3ee', '#0c1116']
  const shown = async (theme: string, colour: string) => {
    await expect(page.locator('html')).toHaveAttribute('data-theme', theme)
    await expect.poll(async () => [await paper(), await canvases()]).toEqual([colour, colour])
  }
  await page.emulateMedia({ colorScheme: 'dark' })
  await page.goto('/')
  expect(await first()).toBe('dark')
  await shown('dark', dark)
  await page.emulateMedia({ colorScheme: 'light' })
  await shown('light', light)
  await page.emulateMedia({ colorScheme: 'dark' })
  await shown('dark', dark)
  await page.locator('#theme').click()
  await expect(page.locator('#theme-name')).toHaveText('Light')
  await shown('light', light)
  await page.goto('/')
  await shown('light', light)
  expect(await first()).toBe('light')
})

test('keys do what buttons do, and leave text fields alone', async ({ page }) => {
  await open(page, '/')
  await page.keyboard.press('t')
  await expect(page.locator('#theme-name')).toHaveText('Light')
  await page.keyboard.press('p')
  await expect(page.locator('#pause')).toHaveAttribute('aria-pressed', 'true')
  await page.keyboard.press('p')
  await page.keyboard.press('o')
  await expect(page.locator('#fact-state')).toHaveText('offline')
  await page.keyboard.press('o')
  await page.keyboard.press('?')
  await expect(page.locator('#help-dialog')).toBeVisible()
  await page.keyboard.press('Escape')
  await page.locator('#seed').fill('')
  await page.locator('#seed').pressSequentially('14')
  await expect(page.locator('#parallelism input:checked')).toHaveValue('2')
  // A cell of the heat map is told in words, and Enter draws its device.
  await page.locator('#heat').focus()
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('ArrowLeft')
  await expect(page.locator('#live')).toContainText(/fan-\d{4} · .* readings/)
  await page.keyboard.press('Enter')
  await expect(page.locator('#chosen-legend button')).toHaveCount(1)
})

test('the job view says how busy each part is, in the picture and in words', async ({ page }) => {
  await open(page, '/')
  const busy = page.locator('#graph text', { hasText: /^(thread )?\d.*% busy/ })
  // The source and three windows.
  await expect(busy).toHaveCount(4)
  await expect.poll(async () => (await busy.allTextContents()).every((text) => Number(/[\d.]+/.exec(text)![0]) > 0)).toBe(true)
  await expect(page.locator('#graph-text')).toHaveText(
    /its thread is busy [\d.]+ % of the time.*Windows are busy [\d.]+ %, [\d.]+ %, [\d.]+ %/,
  )
})
