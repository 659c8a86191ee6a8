import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { systemClock } from '../../runtime/clock.ts'
import {
  begin,
  contentOf,
  csvOf,
  type Ended,
  expected,
  firstCheckpoint,
  millrace,
  ndjsonOf,
  readings,
  sortedLines,
  temporaryDirectory,
  writePlan,
} from './cli-support.ts'

const ROWS = readings(20_000)
const RUN = ['run', 'plan.json', '--source', 'readings=in.csv', '--sink', 'results=out.ndjson']

function prepared(options: Parameters<typeof writePlan>[1] = {}): string {
  const directory = temporaryDirectory()
  writePlan(directory, options)
  writeFileSync(join(directory, 'in.csv'), csvOf(ROWS))
  return directory
}

function refused({ code, stdout, stderr }: Ended, start: RegExp | string): void {
  expect(stderr).toMatch(start)
  expect(stderr).not.toMatch(/^ +at /m)
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
}

test.for([
  { host: 'inline', parallelism: '1' },
  { host: 'inline', parallelism: '3' },
  { host: 'workers', parallelism: '1' },
  { host: 'workers', parallelism: '2' },
])('results are those of the obvious program: $host, parallelism $parallelism', async ({ host, parallelism }) => {
  const directory = prepared()
  const { code, stdout, stderr } = await millrace(directory, [...RUN, '--host', host, '--parallelism', parallelism])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const { lines, late } = expected(ROWS)
  expect(sortedLines(await contentOf(directory, 'out.ndjson'))).toEqual(lines)
  expect(stdout).toContain('20,000 records')
  expect(stdout).toContain(`${late.length} records too late`)
  expect(stdout).toContain(`results: ${lines.length.toLocaleString('en-US')} rows to out.ndjson, exactly once`)
})

test('names may be left out when there is one source and one sink', async () => {
  const directory = prepared()
  expect((await millrace(directory, ['run', 'plan.json', '--source', 'in.csv', '--sink', 'out.csv', '--quiet'])).code).toBe(0)
  const [header, ...lines] = (await contentOf(directory, 'out.csv')).trimEnd().split('\n')
  expect(header).toBe('windowStart,windowEnd,device,n,max')
  expect(lines.length).toBe(expected(ROWS).lines.length)
})

test('standard input and output carry rows, everything else goes to standard error', async () => {
  const directory = prepared()
  const { code, stdout, stderr } = await millrace(directory, ['run', 'plan.json', '--source', '-', '--sink', '-'], ndjsonOf(ROWS))
  expect(code).toBe(0)
  expect(sortedLines(stdout)).toEqual(expected(ROWS).lines)
  expect(stderr).toContain('to standard output, at least once')
})

test('--format says what - carries', async () => {
  const directory = prepared()
  const { code, stdout } = await millrace(
    directory,
    ['run', 'plan.json', '--source=-', '--sink=-', '--format', 'csv', '--quiet'],
    csvOf(ROWS),
  )
  expect(code).toBe(0)
  expect(stdout.startsWith('windowStart,windowEnd,device,n,max\n')).toBe(true)
})

test('a source may be several files, compressed too', async () => {
  const directory = prepared()
  writeFileSync(join(directory, 'a.csv.gz'), gzipSync(csvOf(ROWS.slice(0, 10_000))))
  writeFileSync(join(directory, 'b.csv'), csvOf(ROWS.slice(0, 10_000)))
  const { code, stdout } = await millrace(directory, [
    'run',
    'plan.json',
    '--source',
    'readings=a.csv.gz',
    '--source',
    'readings=b.csv',
    '--sink',
    'out.ndjson',
    '--json',
  ])
  expect(code).toBe(0)
  expect(JSON.parse(stdout.trim().split('\n').at(-1)!)).toMatchObject({ type: 'summary', recordsIn: 20_000 })
})

test('late records go to the sink of that name', async () => {
  const directory = prepared({ late: { kind: 'sideOutput', name: 'late' } })
  expect((await millrace(directory, [...RUN, '--sink', 'late=late.ndjson', '--quiet'])).code).toBe(0)
  expect(sortedLines(await contentOf(directory, 'late.ndjson'))).toEqual(sortedLines(ndjsonOf(expected(ROWS).late)))
})

test('findings of a sequence tracker go to the sink of that name, and the summary has what stages counted', async () => {
  const directory = temporaryDirectory()
  const watermark = { kind: 'boundedOutOfOrderness', delayMs: 5 }
  const operators = [
    { uid: 'in', op: 'source', schema: { device: 'utf8', at: 'timestamp', seq: 'i32' } },
    { uid: 'time', op: 'eventTime', inputs: ['in'], column: 'at', watermark },
    { uid: 'sort', op: 'sortByEventTime', inputs: ['time'] },
    { uid: 'sequence', op: 'trackSequence', inputs: ['sort'], source: ['device'], sequence: 'seq', findingsTo: 'findings' },
    { uid: 'out', op: 'sink', inputs: ['sequence'], name: 'out' },
  ]
  writeFileSync(join(directory, 'plan.json'), JSON.stringify({ millrace: 1, name: 'stages', operators }))
  writeFileSync(join(directory, 'in.csv'), 'device,at,seq\na,1,1\na,4,5\na,2,2\n')
  const { code, stdout } = await millrace(directory, [
    'run',
    'plan.json',
    '--source',
    'in=in.csv',
    '--sink',
    'out=out.csv',
    '--sink',
    'findings=findings.csv',
  ])
  expect(code).toBe(0)
  expect(await contentOf(directory, 'out.csv')).toBe('device,at,seq\na,1,1\na,2,2\na,4,5\n')
  expect(await contentOf(directory, 'findings.csv')).toBe('device,kind,from,to,count,at\na,gap,3,4,2,4\n')
  expect(stdout).toContain('sequence: 3 records, 1 gaps, 2 missing')
})

test('--pane tells corrections by late records from first results', async () => {
  const directory = prepared({ allowedLatenessMs: 60_000 })
  expect((await millrace(directory, [...RUN, '--pane', '--quiet'])).code).toBe(0)
  const rows = sortedLines(await contentOf(directory, 'out.ndjson')).map(
    (line) => JSON.parse(line) as { paneIndex: number; paneTiming: string },
  )
  expect(new Set(rows.map(({ paneTiming }) => paneTiming))).toEqual(new Set(['onTime', 'late']))
  expect(rows.every(({ paneIndex, paneTiming }) => paneIndex === 0 || paneTiming === 'late')).toBe(true)
})

test('--json writes JSON lines alone, a summary at the end', async () => {
  const directory = prepared()
  const { code, stdout, stderr } = await millrace(directory, [...RUN, '--json'])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const events = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { type: string })
  expect(events.at(-1)).toMatchObject({
    type: 'summary',
    state: 'ended',
    recordsIn: 20_000,
    deadLetters: 0,
    sinkFiles: { results: 'out.ndjson' },
  })
  expect(events.slice(0, -1).every(({ type }) => type === 'progress')).toBe(true)
})

test('dead letters are shown, or kept in a file', async () => {
  const directory = prepared()
  writeFileSync(join(directory, 'in.csv'), `${csvOf(ROWS)}d1,yesterday,1\nd1,1700000000000,warm\n`)
  const shown = await millrace(directory, RUN)
  expect(shown.code).toBe(0)
  expect(shown.stdout).toContain('2 dead letters; --dead-letters FILE keeps all of them')
  expect(shown.stdout).toContain('TIMESTAMP_INVALID at readings')
  writeFileSync(join(directory, 'dead.ndjson'), 'of an earlier run\n')
  const kept = await millrace(directory, [...RUN, '--dead-letters', 'dead.ndjson'])
  expect(kept.stdout).toContain('2 dead letters in dead.ndjson')
  const letters = sortedLines(await contentOf(directory, 'dead.ndjson')).map((line) => JSON.parse(line) as object)
  expect(letters).toHaveLength(2)
  expect(letters[0]).toMatchObject({
    source: 'readings',
    code: expect.any(String),
    reason: expect.any(String),
    preview: expect.any(String),
  })
})

test('a job that fails ends with 1, and the error by its code', async () => {
  const directory = prepared({ late: { kind: 'fail' } })
  const { code, stderr } = await millrace(directory, [...RUN, '--json'])
  expect(code).toBe(1)
  const lines = stderr.trim().split('\n')
  expect(lines[0]).toMatch(/^[A-Z_]+: /)
  expect(JSON.parse(lines[1]!)).toMatchObject({ type: 'error', code: lines[0]!.split(':')[0], details: expect.any(Object) })
  expect(stderr).not.toMatch(/^ +at /m)
})

test('MILLRACE_DEBUG shows the stack', async () => {
  process.env['MILLRACE_DEBUG'] = '1'
  try {
    expect((await millrace(temporaryDirectory(), ['explain', 'none.json'])).stderr).toMatch(/^ +at /m)
  } finally {
    delete process.env['MILLRACE_DEBUG']
  }
})

test('what cannot start is refused with 2 and a remedy', async () => {
  const directory = prepared()
  const run = (...args: string[]) => millrace(directory, ['run', ...args])
  refused(await millrace(directory, ['rnu']), 'COMMAND_UNKNOWN: There is no command "rnu"; did you mean run?')
  refused(await millrace(directory, ['--hlep']), 'OPTION_UNKNOWN: There is no option "--hlep"; did you mean --help?')
  refused(await run(), 'ARGUMENT_MISSING: millrace run needs PLAN.json')
  refused(await run('plan.json', 'other.json'), 'ARGUMENT_UNEXPECTED')
  refused(await run('plan.json', '--sorce', 'in.csv'), 'did you mean --source?')
  refused(await run('plan.json', '--source'), 'OPTION_VALUE_MISSING: --source needs a value')
  refused(await run('plan.json', '--source', '--quiet'), 'OPTION_VALUE_MISSING: --source needs a value')
  refused(await run('plan.json', '--parallelism', '0', '--source', 'in.csv', '--sink', 'o.csv'), 'OPTION_INVALID: --parallelism is "0"')
  refused(
    await run('plan.json', '--every', 'often', '--checkpoints', 'c', '--source', 'in.csv', '--sink', 'o.csv'),
    'OPTION_INVALID: --every is "often"',
  )
  refused(await run('plan.json', '--host', 'worker', '--source', 'in.csv', '--sink', 'o.csv'), 'did you mean workers?')
  refused(await run('plan.json', '--source', 'in.csv'), 'BINDING_MISSING: No file is bound to sink results; add --sink FILE')
  refused(
    await run('plan.json', '--source', 'redings=in.csv', '--sink', 'o.csv'),
    'BINDING_UNKNOWN: The plan has no source "redings"; did you mean readings?',
  )
  refused(await run('plan.json', '--source', 'in.csv', '--sink', 'in.csv'), 'FILE_CONFLICT')
  refused(await run('plan.json', '--source', 'in.csv', '--sink', 'o.xml'), 'FILE_FORMAT_UNKNOWN')
  refused(await run('plan.json', '--source', 'none.csv', '--sink', 'o.csv'), /^[A-Z_]+: .*none\.csv/)
  refused(
    await run('none.json', '--source', 'in.csv', '--sink', 'o.csv'),
    'PLAN_UNREADABLE: Cannot read the plan none.json: there is no such file',
  )
  refused(await run('in.csv', '--source', 'in.csv', '--sink', 'o.csv'), 'PLAN_SYNTAX: The plan in.csv is not JSON')
  refused(await run('plan.json', '--source', 'in.csv', '--sink', 'o.csv', '--resume'), '--resume means nothing without --checkpoints DIR')
  writePlan(directory, { sizeMs: -1 })
  refused(await run('plan.json', '--source', 'in.csv', '--sink', 'o.csv'), /^[A-Z_]+: plan\.json: .*operators\[3\]\.window\.sizeMs/)
})

test('a directory with checkpoints needs --resume, and --resume needs checkpoints', async () => {
  const directory = prepared()
  const args = [...RUN, '--checkpoints', 'state']
  refused(await millrace(directory, [...args, '--resume']), 'CHECKPOINT_MISSING: state has no checkpoint of this job')
  expect((await millrace(directory, args)).code).toBe(0)
  refused(await millrace(directory, args), 'CHECKPOINT_EXISTS: state has checkpoints of this job; add --resume')
  writePlan(directory, { sizeMs: 20_000 })
  refused(await millrace(directory, [...args, '--resume']), /^PLAN_MISMATCH: /)
  writePlan(directory)
  const before = await contentOf(directory, 'out.ndjson')
  const resumed = await millrace(directory, [...args, '--resume'])
  expect(resumed.code).toBe(0)
  expect(await contentOf(directory, 'out.ndjson')).toBe(before)
})

const MANY_COUNT = 500_000
const MANY = csvOf(readings(MANY_COUNT))

function preparedMany(): { readonly directory: string; readonly args: readonly string[] } {
  const directory = prepared()
  writeFileSync(join(directory, 'in.csv'), MANY)
  return { directory, args: [...RUN, '--parallelism', '2', '--checkpoints', 'state', '--every', '100ms'] }
}

test('SIGINT stops at a checkpoint from which --resume gives the bytes of an undisturbed run', async () => {
  const { directory, args } = preparedMany()
  const undisturbed = ['run', 'plan.json', '--source', 'in.csv', '--sink', 'whole.ndjson', '--parallelism', '2', '--quiet']
  expect((await millrace(directory, undisturbed)).code).toBe(0)
  const started = begin(directory, args)
  await firstCheckpoint(join(directory, 'state'), started)
  started.child.kill('SIGINT')
  const stopped = await started.ended
  expect(stopped.code).toBe(0)
  expect(stopped.stderr).toMatch(/Stopped at checkpoint \d+\. To go on:\n {2}millrace run plan\.json .* --resume\n/)
  expect(existsSync(join(directory, 'out.ndjson'))).toBe(false)
  const resumed = await millrace(directory, [...args, '--resume'])
  expect(resumed.code).toBe(0)
  expect(resumed.stdout).toContain('500,000 records')
  expect((await contentOf(directory, 'out.ndjson')) === (await contentOf(directory, 'whole.ndjson'))).toBe(true)
})

test('SIGKILL, then --resume gives the bytes of an undisturbed run', async () => {
  const { directory, args } = preparedMany()
  expect(
    (await millrace(directory, ['run', 'plan.json', '--source', 'in.csv', '--sink', 'whole.ndjson', '--parallelism', '2', '--quiet'])).code,
  ).toBe(0)
  const started = begin(directory, args)
  await firstCheckpoint(join(directory, 'state'), started)
  started.child.kill('SIGKILL')
  expect((await started.ended).signal).toBe('SIGKILL')
  expect((await millrace(directory, [...args, '--resume', '--quiet'])).code).toBe(0)
  expect((await contentOf(directory, 'out.ndjson')) === (await contentOf(directory, 'whole.ndjson'))).toBe(true)
})

test('a second process on the same directory is refused while the first runs', async () => {
  const { directory, args } = preparedMany()
  const first = begin(directory, args)
  await firstCheckpoint(join(directory, 'state'), first)
  first.child.kill('SIGSTOP')
  const second = await millrace(directory, [...args, '--resume'])
  first.child.kill('SIGCONT')
  refused(second, /^JOB_LOCKED: /)
  expect((await first.ended).code).toBe(0)
})

test('SIGTERM without checkpoints leaves what was complete', async () => {
  const { directory } = preparedMany()
  const started = begin(directory, RUN)
  // Standard error tells that it runs only after seconds; the parts of the sink appear at once.
  while (!existsSync(join(directory, 'out.ndjson.parts')) && started.child.exitCode === null) await systemClock.sleep(2)
  started.child.kill('SIGTERM')
  const { code, stderr } = await started.ended
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('Stopped without a checkpoint') })
  expect(existsSync(join(directory, 'out.ndjson'))).toBe(true)
})

test('a reader that goes away ends the job without a stack', async () => {
  const directory = prepared()
  const started = begin(directory, ['run', 'plan.json', '--source', 'in.csv', '--sink', '-', '--quiet'])
  started.child.stdout?.destroy()
  const { code, stderr } = await started.ended
  expect(code).not.toBe(0)
  expect(stderr).not.toMatch(/^ +at /m)
})
