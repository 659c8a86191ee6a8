/** The page: what it shows is what jobs give, and everything can be done by pointer and by keyboard. */

import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from '@playwright/test'
import { EXAMPLES } from '../../examples/playground/gallery/examples.ts'
import { caption, goTo, holdEngine, open, programOf, records, settled, shownRows, slider, windows, write } from './page.ts'

const script = fileURLToPath(new URL('expected-main.ts', import.meta.url))
const expected = JSON.parse(execFileSync(process.execPath, [script], { encoding: 'utf8' })) as Record<string, Record<string, object[]>>
const problem = '.editor .problem'

test.describe('the gallery', () => {
  for (const { id, title } of EXAMPLES) {
    test(`${id} shows the rows that its job gives in Node`, async ({ page }) => {
      const errors: string[] = []
      page.on('pageerror', (error) => errors.push(String(error)))
      await open(page, id)
      await expect(page.getByRole('heading', { level: 1 })).toHaveText(title)
      const segments = page.getByRole('group', { name: 'Windows shown' }).getByRole('button')
      const shown: Record<string, readonly object[]> = {}
      for (let view = 0; view < Math.max(1, await segments.count()); view++) {
        if ((await segments.count()) > 0) await segments.nth(view).click()
        for (const sink of await page.locator('.sink').evaluateAll((all) => all.map((one) => one.getAttribute('data-sink')!))) {
          shown[sink] = await shownRows(page, sink)
        }
      }
      expect(shown).toEqual(expected[id])
      expect(errors).toEqual([])
    })
  }

  test('shows nothing of the example before', async ({ page }) => {
    const letPlay = await holdEngine(page)
    await page.goto('/#tumbling')
    await page.getByRole('link', { name: 'Sliding' }).click()
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('Sliding')
    await page.evaluate(() => {
      const heads = new Set<string>()
      const note = () => {
        for (const head of document.querySelectorAll('.sinks th')) heads.add(head.textContent ?? '')
      }
      new MutationObserver(note).observe(document.querySelector('.sinks')!, { childList: true, subtree: true })
      Object.assign(globalThis, { heads })
    })
    letPlay()
    await settled(page)
    expect(await page.evaluate(() => [...(globalThis as unknown as { heads: Set<string> }).heads])).toEqual([
      'pane',
      'window',
      'wheel',
      'n',
      'mean',
    ])
  })

  test('is reached by links, and by the menu where there is little room', async ({ page }) => {
    await open(page)
    await page.getByRole('link', { name: 'Sliding' }).click()
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('Sliding')
    await expect(page.getByRole('link', { name: 'Sliding' })).toHaveAttribute('aria-current', 'page')
    await page.getByRole('textbox', { name: 'litres, entry 1', exact: true }).fill('40')
    await expect.poll(async () => JSON.stringify(await shownRows(page, 'results'))).toContain('"mean":40')
    await page.getByRole('link', { name: 'Sliding' }).click()
    await expect(page.getByRole('textbox', { name: 'litres, entry 1', exact: true })).toHaveValue('4')
    await page.setViewportSize({ width: 390, height: 844 })
    await page.getByRole('combobox', { name: 'Example' }).selectOption('Corrections')
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('Corrections')
    await page.goBack()
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('Sliding')
  })
})

test.describe('the player', () => {
  test('scrubs through the steps in both directions', async ({ page }) => {
    await open(page, 'corrections')
    await goTo(page, 0)
    await expect(windows(page)).toHaveCount(0)
    await expect(caption(page)).toContainText('Nothing has come yet')
    await goTo(page, 4)
    await expect(caption(page)).toHaveText(
      'Record a of 12:00:13 arrives. Watermark 12:00:10.999. Window [12:00:00, 12:00:10) of a fires: n 2, litres 10. ' +
        'Window [12:00:00, 12:00:10) of b fires: n 1, litres 3. Window [12:00:10, 12:00:20) of a opens with it.',
    )
    await expect(page.locator('.window[data-now="fired"]')).toHaveCount(2)
    await expect(page.locator('[data-sink="results"] tbody tr:not([hidden])')).toHaveCount(2)
    await goTo(page, 5)
    await expect(page.locator('.window[data-now="corrected"]')).toContainText('n 3')
    await expect(page.locator('[data-sink="results"] tr[data-new="true"]')).toContainText('+Ulate1')
    await goTo(page, 11)
    await expect(page.locator('.aside.fate-late')).toHaveCount(1)
    await expect(page.locator('.window[data-phase="done"]')).toHaveCount(2)
    await goTo(page, 1)
    await expect(windows(page)).toHaveCount(1)
    await expect(windows(page)).toHaveAttribute('data-phase', 'open')
    await expect(slider(page)).toHaveAttribute('aria-valuetext', /^1 of 14: Record a of 12:00:02 arrives/)
  })

  test('plays to the end, and begins anew from there', async ({ page }) => {
    await open(page, 'sessions')
    await page.getByRole('combobox', { name: 'Speed' }).selectOption('4×')
    await page.getByRole('button', { name: 'Play' }).click()
    await expect(page.getByRole('button', { name: 'Pause' })).toBeVisible()
    await expect(slider(page)).toHaveValue('12', { timeout: 10_000 })
    await expect(page.getByRole('button', { name: 'Play' })).toBeVisible()
  })

  test('plays by itself where motion is welcome', async ({ browser }) => {
    const page = await browser.newPage({ reducedMotion: 'no-preference' })
    await page.goto('/#tumbling')
    await expect(page.getByRole('button', { name: 'Pause' })).toBeVisible()
    await expect(slider(page)).not.toHaveValue('0')
    await page.close()
  })

  test('two sessions become one before the eyes', async ({ page }) => {
    await open(page, 'sessions')
    await goTo(page, 5)
    const ofA = page.locator('.window[title*=") a:"]')
    await expect(ofA).toHaveCount(2)
    const [first] = await ofA.evaluateAll((all) => all.map((one) => one.getAttribute('data-id')))
    await goTo(page, 6)
    await expect(ofA).toHaveCount(1)
    await expect(ofA).toHaveAttribute('data-id', first!)
    await expect(ofA).toHaveAttribute('data-now', 'merged')
  })
})

test.describe('records under the hand', () => {
  test('a late record is dragged to before its window closes, and counts', async ({ page }) => {
    await open(page, 'late')
    const late = page.getByRole('button', { name: /^Record 12:00:08, arrives 6/ })
    await expect(late).toHaveAccessibleName(/late$/)
    const box = (await late.boundingBox())!
    await page.mouse.move(box.x + 9, box.y + 9)
    await page.mouse.down()
    await page.mouse.move(box.x + 9, box.y - 40, { steps: 6 })
    await page.mouse.up()
    await expect(page.getByRole('button', { name: 'Record 12:00:08, arrives 4 of 11' })).toBeVisible()
    await expect.poll(() => shownRows(page, 'late')).toHaveLength(2)
    await expect(page.locator('[data-sink="results"] tbody tr').first()).toContainText('[12:00:00, 12:00:10)414')
  })

  test('a record dragged to the side has another event time, in table and text alike', async ({ page }) => {
    await open(page, 'tumbling')
    const first = page.getByRole('button', { name: /^Record a 12:00:01,/ })
    const box = (await first.boundingBox())!
    await page.mouse.move(box.x + 9, box.y + 9)
    await page.mouse.down()
    await page.mouse.move(box.x + 250, box.y + 9, { steps: 8 })
    await page.mouse.up()
    await expect(first).toHaveCount(0)
    const cell = page.getByRole('textbox', { name: 'at, entry 1', exact: true })
    await expect(cell).not.toHaveValue('12:00:01')
    await page.getByRole('tab', { name: 'NDJSON' }).click()
    const text = await page.getByRole('textbox', { name: 'Stream as NDJSON' }).inputValue()
    expect(text).not.toContain('12:00:01"')
  })

  test('by keyboard: walk, event time, arrival, copy, remove', async ({ page }) => {
    await open(page, 'tumbling')
    await records(page).first().focus()
    await page.keyboard.press('ArrowDown')
    await expect(page.getByRole('button', { name: 'Record a 12:00:07, arrives 2 of 12' })).toBeFocused()
    await page.keyboard.press('ArrowRight')
    await expect(page.getByRole('button', { name: 'Record a 12:00:08, arrives 2 of 12' })).toBeFocused()
    await page.keyboard.press('Shift+ArrowLeft')
    await expect(page.getByRole('button', { name: 'Record a 11:59:58, arrives 2 of 12' })).toBeFocused()
    await page.keyboard.press('Alt+ArrowDown')
    await expect(page.getByRole('button', { name: /^Record a 11:59:58, arrives 3 of 12/ })).toBeFocused()
    await page.keyboard.press('Enter')
    await expect(records(page)).toHaveCount(13)
    await page.keyboard.press('Delete')
    await expect(records(page)).toHaveCount(12)
    await page.keyboard.press(' ')
    await expect(caption(page)).toContainText(/^Record [ab] of/)
    // One stop for Tab, however many records there are.
    await expect(page.locator('.record[tabindex="0"]')).toHaveCount(1)
  })

  test('the table changes the stream: cells, places, new lines, the clock', async ({ page }) => {
    await open(page, 'tumbling')
    await page.getByRole('textbox', { name: 'litres, entry 1', exact: true }).fill('40')
    await expect.poll(async () => JSON.stringify(await shownRows(page, 'results'))).toContain('"litres":51')
    await page.getByRole('button', { name: 'Later: entry 1', exact: true }).click()
    await expect(page.getByRole('textbox', { name: 'litres, entry 2', exact: true })).toHaveValue('40')
    await page.getByRole('button', { name: 'Remove entry 2', exact: true }).click()
    await expect(records(page)).toHaveCount(11)
    await page.getByRole('button', { name: 'Add a record' }).click()
    await expect(page.getByRole('button', { name: 'Record b 12:00:27, arrives 12 of 12' })).toBeVisible()
    await page.getByRole('button', { name: 'Let the clock go on' }).click()
    await expect(page.getByRole('textbox', { name: 'How far the clock goes on, entry 13' })).toHaveValue('5s')
    await expect(page.locator('.pause')).toHaveText('clock + 5s')
    await page.getByRole('textbox', { name: 'at, entry 1', exact: true }).fill('soon')
    await expect(page.locator('.aside.fate-deadLetter')).toHaveCount(1)
  })

  test('what is typed before the engine has answered for the first time stays, and is a number where there were numbers', async ({
    page,
  }) => {
    const letPlay = await holdEngine(page)
    await page.goto('/#sliding')
    const cell = page.getByRole('textbox', { name: 'litres, entry 1', exact: true })
    await cell.click()
    await page.keyboard.press('ControlOrMeta+a')
    await page.keyboard.type('4')
    await expect(page.locator('.time-line')).toHaveAttribute('aria-busy', 'true')
    letPlay()
    await settled(page)
    await page.keyboard.type('0')
    await expect(cell).toHaveValue('40')
    await expect.poll(async () => JSON.stringify(await shownRows(page, 'results'))).toContain('"mean":40')
  })

  test('NDJSON is read as it is typed, and says what is wrong with it', async ({ page }) => {
    await open(page, 'tumbling')
    await page.getByRole('tab', { name: 'NDJSON' }).click()
    const area = page.getByRole('textbox', { name: 'Stream as NDJSON' })
    await area.fill('{"wheel": "c", "at": "12:00:01", "litres": 5}\n{"wheel": "c", "at": "12:00:02", "litres"')
    await expect(page.locator('.stream .problem')).toContainText('Line 2 is no JSON')
    await area.fill('{"wheel": "c", "at": "12:00:01", "litres": 5}\n{"wheel": "c", "at": "12:00:02", "litres": 6}')
    await expect(page.locator('.stream .problem')).toBeHidden()
    await expect.poll(() => shownRows(page, 'results')).toEqual([expect.objectContaining({ wheel: 'c', n: 2, litres: 11 })])
    await area.fill('{"$clock": "soon"}')
    await expect(page.locator(problem)).toContainText('DURATION_INVALID')
  })

  test('dice make a stream for the columns of the source', async ({ page }) => {
    await open(page, 'deduplicate')
    await page.getByRole('tab', { name: 'Generate' }).click()
    await page.getByRole('slider', { name: 'Records' }).fill('40')
    await expect(records(page)).toHaveCount(40)
    await page.getByRole('slider', { name: 'Much later than that' }).fill('0.5')
    await expect(page.locator('.aside.fate-late').first()).toBeVisible()
    const before = await records(page).first().getAttribute('aria-label')
    await page.getByRole('button', { name: 'Throw the dice' }).click()
    await expect(records(page).first()).not.toHaveAttribute('aria-label', before!)
  })
})

test.describe('the editor', () => {
  const changed = async (page: Parameters<typeof programOf>[0], from: string, to: string) => (await programOf(page)).replace(from, to)

  test('a misspelt column is marked where it is, with the word that was meant', async ({ page }) => {
    await open(page, 'tumbling')
    await write(page, 'typescript', await changed(page, "keyBy('wheel')", "keyBy('wheeel')"))
    await expect(page.locator(problem)).toContainText('COLUMN_UNKNOWN')
    await expect(page.locator(problem)).toContainText('did you mean "wheel"?')
    await expect(page.locator('#panel-typescript .cm-lintRange-error')).toHaveText("'wheeel'")
    // The last picture stays while something is wrong.
    await expect(windows(page).first()).toBeVisible()
    await page.getByRole('button', { name: 'Replace by wheel' }).click()
    await expect(page.locator(problem)).toBeHidden()
    expect(await programOf(page)).toContain("keyBy('wheel')")
  })

  test('other slips are marked, too: syntax, imports, methods, durations, combinations', async ({ page }) => {
    await open(page, 'corrections')
    const original = await programOf(page)
    const mark = page.locator('#panel-typescript .cm-lintRange-error')
    const cases = [
      [".sink('results')", ".sink('results'", 'SyntaxError', null],
      ['count, f64', 'cuont, f64', 'did you mean count?', 'cuont'],
      ['.keyBy(', '.keyby(', 'keyby is not a function', 'keyby'],
      ["tumbling('10s')", "tumbling('10 s')", 'DURATION_INVALID', "'10 s'"],
      ["tumbling('10s')", 'globalWindow()', 'IMPORT', null],
      [".allowedLateness('15s')", ".allowedLateness('15s').processingTime()", 'COMBINATION_INVALID', null],
      ["\n  .sink('results')", '', 'it ends with .sink(name)', null],
      ["from 'millrace'", "from 'milrace'", 'did you mean', null],
    ] as const
    for (const [from, to, says, marked] of cases) {
      expect(original).toContain(from)
      await write(page, 'typescript', original.replace(from, to))
      await expect(page.locator(problem)).toContainText(says === 'IMPORT' ? 'globalWindow is not defined' : says)
      if (marked !== null) await expect(mark).toHaveText(marked)
    }
    await write(page, 'typescript', original)
    await expect(page.locator(problem)).toBeHidden()
  })

  test('the plan follows the program, and the program the plan', async ({ page }) => {
    await open(page, 'tumbling')
    await write(page, 'typescript', await changed(page, "tumbling('10s')", "tumbling('20s')"))
    await page.getByRole('tab', { name: 'Plan (JSON)' }).click()
    const plan = page.locator('#panel-plan .cm-content')
    await expect(plan).toContainText('"sizeMs": 20000')
    const text = (await page.locator('#panel-plan .cm-line').allTextContents()).join('\n')
    await write(page, 'plan', text.replace('20000', '5000'))
    await expect.poll(async () => JSON.stringify(await shownRows(page, 'results'))).toContain('1767268805000')
    await page.getByRole('tab', { name: 'TypeScript' }).click()
    await expect(page.locator('#panel-typescript .cm-content')).toContainText("window(tumbling('5s'))")
    await page.getByRole('tab', { name: 'In words' }).click()
    await expect(page.locator('.explained')).toContainText('window: tumbling 5 s')
  })

  test('a slip in the plan is marked at its path', async ({ page }) => {
    await open(page, 'tumbling')
    await page.getByRole('tab', { name: 'Plan (JSON)' }).click()
    await expect(page.locator('#panel-plan .cm-content')).toContainText('"by-wheel"')
    const text = (await page.locator('#panel-plan .cm-line').allTextContents()).join('\n')
    const mark = page.locator('#panel-plan .cm-lintRange-error')
    await write(page, 'plan', text.replace('"columns": ["wheel"]', '"columns": ["whel"]'))
    await expect(page.locator(problem)).toContainText('did you mean "wheel"?')
    await expect(mark).toHaveText('"whel"')
    await write(page, 'plan', text.replace('"sizeMs"', '"sizeMS"'))
    await expect(page.locator(problem)).toContainText('PLAN_FIELD_UNKNOWN')
    await expect(mark).toHaveText('"sizeMS"')
    await write(page, 'plan', text.slice(0, -3))
    await expect(page.locator(problem)).toContainText('SyntaxError')
    await write(page, 'plan', text)
    await expect(page.locator(problem)).toBeHidden()
  })

  test('a plan whose functions are in the program keeps them, and says that the program does not follow', async ({ page }) => {
    await open(page, 'custom-window')
    await page.getByRole('tab', { name: 'Plan (JSON)' }).click()
    await expect(page.locator('#panel-plan .cm-content')).toContainText('"function": true')
    const text = (await page.locator('#panel-plan .cm-line').allTextContents()).join('\n')
    await write(page, 'plan', text.replace('"n": { "fn": "count" }', '"m": { "fn": "count" }'))
    await expect.poll(async () => JSON.stringify(await shownRows(page, 'results'))).toContain('"m":')
    await expect(page.locator('.notice')).toContainText('the program does not follow')
    await page.getByRole('button', { name: 'Back to the program' }).click()
    await expect.poll(async () => JSON.stringify(await shownRows(page, 'results'))).toContain('"n":')
    await expect(page.locator('.notice')).toBeHidden()
  })

  test('Tab indents; Escape, then Tab leaves it', async ({ page }) => {
    await open(page, 'tumbling')
    const content = page.getByRole('textbox', { name: 'Program in TypeScript' })
    await content.focus()
    await page.keyboard.press('ControlOrMeta+Home')
    await page.keyboard.press('Tab')
    await expect(page.locator('#panel-typescript .cm-line').first()).toHaveText(/^ {2}import/)
    await page.keyboard.press('Escape')
    await page.keyboard.press('Tab')
    await expect(content).not.toBeFocused()
  })

  test('a program that never ends is stopped, and the next one runs', async ({ page }) => {
    await open(page, 'tumbling')
    const original = await programOf(page)
    await write(page, 'typescript', `while (true) {}\n${original}`)
    await expect(page.locator(problem)).toContainText('TOO_SLOW', { timeout: 20_000 })
    await write(page, 'typescript', original)
    await expect(page.locator(problem)).toBeHidden()
  })
})

test.describe('links', () => {
  test('bring the program, the stream and the step; a program waits until it is told to run', async ({ page, context }) => {
    await context.grantPermissions(['clipboard-read', 'clipboard-write'])
    await open(page, 'tumbling')
    await write(page, 'typescript', (await programOf(page)).replace("tumbling('10s')", "tumbling('7s')"))
    await expect.poll(async () => JSON.stringify(await shownRows(page, 'results'))).toContain('1767268811000')
    await goTo(page, 9)
    const rows = await shownRows(page, 'results')
    await page.getByRole('button', { name: 'Copy link' }).click()
    await expect(page.getByText('Link copied')).toBeVisible()
    const link = await page.evaluate(() => navigator.clipboard.readText())
    expect(link).toContain('#s=')

    const other = await context.newPage()
    await other.goto(link)
    await expect(other.locator('.notice')).toContainText('read it first')
    await expect(other.locator('#panel-typescript .cm-content')).toContainText("tumbling('7s')")
    await expect(records(other)).toHaveCount(0)
    await other.getByRole('button', { name: 'Run it' }).click()
    await expect(records(other)).toHaveCount(12)
    await expect(slider(other)).toHaveValue('9')
    expect(await shownRows(other, 'results')).toEqual(rows)
  })

  test('a plan is data, and is played at once', async ({ page, context }) => {
    await context.grantPermissions(['clipboard-read', 'clipboard-write'])
    await open(page, 'late')
    await page.getByRole('tab', { name: 'Plan (JSON)' }).click()
    await expect(page.locator('#panel-plan .cm-content')).toContainText('"sizeMs"')
    const text = (await page.locator('#panel-plan .cm-line').allTextContents()).join('\n')
    await write(page, 'plan', text.replace('10000', '5000'))
    await settled(page)
    await page.getByRole('button', { name: 'Copy link' }).click()
    await expect(page.getByText('Link copied')).toBeVisible()
    const link = await page.evaluate(() => navigator.clipboard.readText())
    const other = await context.newPage()
    await other.goto(link)
    await expect(records(other)).toHaveCount(11)
    await expect(other.locator('.notice')).toBeHidden()
  })

  test('the program for Node is that of the page', async ({ page, context }) => {
    await context.grantPermissions(['clipboard-read', 'clipboard-write'])
    await open(page, 'idle')
    await page.getByRole('button', { name: 'Copy as Node program' }).click()
    await expect(page.getByText('Program copied')).toBeVisible()
    const text = await page.evaluate(() => navigator.clipboard.readText())
    expect(text).toContain("from 'millrace/testing'")
    expect(text).toContain('splits: 2')
    expect(text).toContain("const job = pipeline('idle')")
  })
})
