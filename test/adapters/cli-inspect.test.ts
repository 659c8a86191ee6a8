import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { csvOf, millrace, plan, readings, temporaryDirectory, writePlan } from './cli-support.ts'

async function withCheckpoints(): Promise<string> {
  const directory = temporaryDirectory()
  writePlan(directory)
  writeFileSync(join(directory, 'in.csv'), csvOf(readings(200_000)))
  const { code, stderr } = await millrace(directory, [
    'run',
    'plan.json',
    '--source',
    'in.csv',
    '--sink',
    'out.ndjson',
    '--checkpoints',
    'state',
    '--every',
    '10ms',
  ])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return directory
}

test('help is there for every command, no line wider than 80 columns', async () => {
  for (const args of [[], ['--help'], ['run', '--help'], ['explain', '-h'], ['help', 'checkpoints']]) {
    const { code, stdout, stderr } = await millrace(temporaryDirectory(), args)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80)
  }
})

test('--version is that of the package', async () => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
  expect((await millrace(temporaryDirectory(), ['--version'])).stdout).toBe(`${version}\n`)
})

test('explain says what the plan does, as text, Mermaid and JSON', async () => {
  const directory = temporaryDirectory()
  writePlan(directory)
  const text = await millrace(directory, ['explain', 'plan.json'])
  expect(text.code).toBe(0)
  expect(text.stdout).toContain('window: tumbling 10 s')
  expect(text.stdout).toContain('No source or sink is bound yet')
  expect(text.stdout).toContain('flowchart LR')
  expect((await millrace(directory, ['explain', 'plan.json', '--mermaid'])).stdout).toMatch(/^flowchart LR\n/)
  const json = JSON.parse((await millrace(directory, ['explain', 'plan.json', '--json'])).stdout) as object
  expect(json).toMatchObject({ type: 'plan', fingerprint: expect.any(String), plan: plan(), mermaid: expect.any(String) })
})

test('checkpoints lists, verifies and inspects', async () => {
  const directory = await withCheckpoints()
  const list = await millrace(directory, ['checkpoints', 'state'])
  expect(list.code).toBe(0)
  expect(list.stdout).toMatch(/^\d+ checkpoints? of cli-test in state, newest first/)
  expect(list.stdout).toContain('not verified, final')
  const verified = await millrace(directory, ['checkpoints', 'state', '--verify'])
  expect(verified).toMatchObject({ code: 0, stdout: expect.stringContaining('Every byte was read') })
  const { checkpoints } = JSON.parse((await millrace(directory, ['checkpoints', 'state', '--json'])).stdout) as {
    checkpoints: { checkpointId: number }[]
  }
  const newest = String(checkpoints[0]!.checkpointId)
  const inspected = await millrace(directory, ['checkpoints', 'state', 'inspect', newest])
  expect(inspected).toMatchObject({ code: 0, stdout: expect.stringContaining('split file: 200,000 records') })
  expect(inspected.stdout).toContain('windows.recordsIn: 200,000')
  expect(JSON.parse((await millrace(directory, ['checkpoints', 'state', 'inspect', newest, '--json'])).stdout)).toMatchObject({
    type: 'checkpoint',
    jobName: 'cli-test',
  })
})

test('--verify finds a flipped bit, and the exit code says so', async () => {
  const directory = await withCheckpoints()
  const chunks = join(directory, 'state', 'chunks')
  for (const name of readdirSync(chunks, { recursive: true, encoding: 'utf8' })) {
    const path = join(chunks, name)
    if (statSync(path).isDirectory()) continue
    const bytes = readFileSync(path)
    bytes[bytes.length - 1]! ^= 1
    writeFileSync(path, bytes)
  }
  expect((await millrace(directory, ['checkpoints', 'state'])).code).toBe(0)
  const { code, stdout } = await millrace(directory, ['checkpoints', 'state', '--verify'])
  expect(code).toBe(1)
  expect(stdout).toContain('CHECKPOINT_CORRUPT')
})

test('what is not there is refused with 2', async () => {
  const directory = await withCheckpoints()
  expect(await millrace(directory, ['checkpoints', 'nowhere'])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('DIRECTORY_MISSING'),
  })
  expect(await millrace(directory, ['checkpoints', 'plan.json'])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('it is not a directory'),
  })
  expect(await millrace(directory, ['checkpoints', 'state', 'inspect', '999'])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('CHECKPOINT_UNKNOWN'),
  })
})
