/** Results of a job in components of real React. */

import { expect, test } from '@playwright/test'
import type { Scenes } from './react-page.ts'

declare const scenes: Scenes

test.beforeEach(async ({ page }) => {
  await page.goto('/react')
  await page.waitForFunction('globalThis.scenes')
})

test('components that read one view agree, in transitions too', async ({ page }, { project }) => {
  // The scene must be one in which it goes wrong.
  const naive = await page.evaluate(() => scenes.tearing(true))
  expect(naive.torn).toBeGreaterThan(0)
  const result = await page.evaluate(() => scenes.tearing(false))
  console.log(project.name, JSON.stringify({ naive, result }))
  expect(result.torn).toBe(0)
  expect(result.looks).toBeGreaterThan(20)
  expect(result.different).toBeGreaterThan(10)
})

test('a component is drawn at most sixty times a second, or as seldom as it wants', async ({ page }, { project }) => {
  const framed = await page.evaluate(() => scenes.paced(undefined, 2))
  const seldom = await page.evaluate(() => scenes.paced('200ms', 2))
  console.log(project.name, JSON.stringify({ framed, seldom }))
  expect(framed.changesASecond).toBeGreaterThan(framed.rendersASecond * 1.5)
  expect(framed.rendersASecond).toBeGreaterThan(15)
  expect(framed.rendersASecond).toBeLessThanOrEqual(62)
  expect(seldom.rendersASecond).toBeGreaterThan(2)
  expect(seldom.rendersASecond).toBeLessThanOrEqual(5.6)
})

test('components share one subscription, and leave none behind, in StrictMode too', async ({ page }) => {
  const result = await page.evaluate(() => scenes.mounted())
  expect(result).toEqual({ mountedCount: 1, oneCount: 1, unmountedCount: 0, most: 1, isAlive: true, errors: [] })
})

test('a component that selects is drawn when its selection changes', async ({ page }) => {
  const { text, renders, total } = await page.evaluate(() => scenes.selected())
  expect(text).toBe('device-0,device-1,device-2')
  expect(total).toBeGreaterThan(20)
  expect(renders).toBeLessThanOrEqual(5)
})

test('a component takes another view, and none for empty', async ({ page }) => {
  const result = await page.evaluate(() => scenes.swapped())
  expect(result).toEqual({ none: '0', first: { text: '3', one: 1, two: 0 }, second: { text: '3', one: 0, two: 1 } })
})

test('what a server drew is empty, and hydrates without complaint', async ({ page }) => {
  const result = await page.evaluate(() => scenes.hydrated())
  expect(result).toEqual({ html: '<b>0 rows</b>', text: '3 rows', errors: [] })
})

test('the status of a job is asked for as long as the component is there', async ({ page }) => {
  const { text, isRising, asked, askedAfter } = await page.evaluate(() => scenes.status())
  expect(text).toBe('running')
  expect(isRising).toBe(true)
  expect(asked).toBeLessThanOrEqual(12)
  expect(askedAfter).toBe(0)
})
