import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../../', import.meta.url))

async function example(name: string, ...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [`examples/${name}/main.mjs`, ...args], { cwd: root })
  return stdout
}

test('01 counts clicks by page and minute', async () => {
  expect(await example('01-tumbling-count')).toBe('12:00 /home 2\n12:00 /docs 1\n12:01 /home 2\n')
})

test('02 corrects a window and sends aside what is too late', async () => {
  expect(await example('02-late-records')).toBe(
    [
      '[0, 10 s)  n 1  on time',
      '[0, 10 s)  n 2  late',
      '[10, 20 s)  n 1  on time',
      '[20, 30 s)  n 1  on time',
      'too late: at 8 s',
      '',
    ].join('\n'),
  )
})

test('03 goes on from a checkpoint', async () => {
  const lines = (await example('03-restart-from-checkpoint')).trimEnd().split('\n')
  expect(lines[0]).toMatch(/^first run: stopped after \d+ records$/)
  expect(lines[1]).toMatch(/^second run: went on from checkpoint \d+, ended after 5000000 records$/)
  expect(lines[2]).toBe('139 hours, 5000000 records in them')
})

test('04 tests a pipeline', async () => {
  expect(await example('04-testing')).toBe(
    ['a session fires at its end', 'a crash changes nothing', 'a late order is not lost', 'a dashboard is refreshed every 10 s', ''].join(
      '\n',
    ),
  )
})

test('the main example ends with its totals', async () => {
  const output = await example('main', '--records', '300000')
  // The independent count of reports that are too late for 1 h of disorder and 12 h of lateness.
  expect(output).toContain('505 reports went to late.ndjson')
  expect(output.trimEnd().split('\n').at(-1)).toMatch(
    /^done: 321,707 records, [\d,]+ windows, [\d,]+ late, 0 dead letters, [\d,]+ checkpoints in \d+\.\d s \([\d,]+ records\/s\)$/,
  )
})

test('the main example survives a kill', async () => {
  const output = await example('main', '--records', '8000000', '--kill-after', '40%')
  expect(output).toContain('Equal, byte for byte')
})
