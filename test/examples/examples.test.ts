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

test('05 corrects visits when requests come late', async () => {
  expect(await example('05-web-sessions')).toBe(
    [
      '+I ada 09:00-09:40 2 requests from /, 25000 bytes',
      '+I bob 09:20-09:50 1 requests from /, 5000 bytes',
      '+I ada 10:05-10:35 1 requests from /guide, 40000 bytes',
      '-D ada 09:00-09:40 2 requests from /, 25000 bytes',
      '-D ada 10:05-10:35 1 requests from /guide, 40000 bytes',
      '+I ada 09:00-10:35 4 requests from /, 74000 bytes',
      '-D bob 09:20-09:50 1 requests from /, 5000 bytes',
      '+I bob 09:20-10:15 2 requests from /, 25000 bytes',
      '+I bob 11:00-11:30 1 requests from /docs, 20000 bytes',
      'visits in the table: ada 09:00, bob 09:20, bob 11:00',
      '',
    ].join('\n'),
  )
})

test('06 bills months from the 31st, on the clocks of Berlin', async () => {
  expect(await example('06-billing-months')).toBe(
    [
      'ada: 31 Jan 2024, 06:00 to 29 Feb 2024, 06:00, 696 hours: 348 kWh, at most 0.5 an hour',
      'ada: 29 Feb 2024, 06:00 to 31 Mar 2024, 06:00, 743 hours: 377.5 kWh, at most 2 an hour',
      'ada: 31 Mar 2024, 06:00 to 30 Apr 2024, 06:00, 720 hours: 390 kWh, at most 2 an hour',
      '',
    ].join('\n'),
  )
})

test('07 shows results before a window closes', async () => {
  expect(await example('07-dashboard')).toBe(
    [
      '12:00  so far     2 orders  130  1 chair, 1 lamp',
      '12:00  so far     4 orders  210  3 lamp, 1 chair',
      '12:00  final      5 orders  510  3 lamp, 1 chair',
      '12:01  final      1 orders  300  1 desk',
      '12:00  corrected  6 orders  600  3 lamp, 2 chair',
      '',
    ].join('\n'),
  )
})

test('08 kills a worker at the edge and goes on', async () => {
  expect(await example('08-edge-worker')).toBe(
    [
      'sent minute 0: 60 readings taken',
      'sent minute 1: 60 readings taken',
      '  12:00 van 2: 20 readings, mean 4.5, max 4.9',
      '  12:00 van 1: 40 readings, mean 4.5, max 4.9',
      'killed',
      'sent minute 1: 60 readings were there already',
      'sent minute 2: 60 readings taken',
      '  12:00 van 2: 20 readings, mean 4.5, max 4.9',
      '  12:00 van 1: 40 readings, mean 4.5, max 4.9',
      '  12:01 van 2: 20 readings, mean 5.5, max 5.9',
      '  12:01 van 1: 40 readings, mean 5.5, max 5.9',
      '',
    ].join('\n'),
  )
})

test('09 serves readings with Deno', async () => {
  const deno = `${root}node_modules/.bin/deno`
  const { stdout } = await promisify(execFile)(deno, ['run', '--no-remote', '--allow-all', 'examples/09-deno/main.mjs'], { cwd: root })
  expect(stdout).toBe(
    [
      'acknowledged 60',
      'acknowledged 60',
      'acknowledged 60',
      '12:00 van 0 30 5.8',
      '12:00 van 1 30 5.9',
      '12:01 van 0 30 11.8',
      '12:01 van 1 30 11.9',
      '',
    ].join('\n'),
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
