/** What the tests of the command line share: the command as a process, plans and files to give it. */

import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach } from 'vitest'
import { systemClock } from '../../runtime/clock.ts'

const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url))

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface Started {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
}

const directories: string[] = []
const children = new Set<ChildProcess>()

afterEach(() => {
  for (const child of children) child.kill('SIGKILL')
  children.clear()
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true })
})

/** An empty directory that is gone after the test. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-cli-'))
  directories.push(directory)
  return directory
}

/** Starts `millrace` in a directory. Standard input stays open when `input` is null. */
export function begin(cwd: string, args: readonly string[], input: string | null = ''): Started {
  const child = spawn(process.execPath, [CLI, ...args], { cwd, stdio: 'pipe' })
  children.add(child)
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  child.stdin.on('error', () => {})
  if (input !== null) child.stdin.end(input)
  const { promise, resolve } = Promise.withResolvers<Ended>()
  child.on('close', (code, signal) => {
    children.delete(child)
    resolve({ code, signal, stdout, stderr })
  })
  return { child, ended: promise }
}

/** Runs `millrace` to its end. */
export function millrace(cwd: string, args: readonly string[], input = ''): Promise<Ended> {
  return begin(cwd, args, input).ended
}

/** Resolves once a checkpoint was committed in a directory; rejects when the process ends before that. */
export async function firstCheckpoint(directory: string, { child }: Started): Promise<void> {
  const manifests = join(directory, 'manifests')
  while (!existsSync(manifests) || readdirSync(manifests).length === 0) {
    if (child.exitCode !== null || child.signalCode !== null)
      throw new Error(`The process ended (${child.exitCode ?? child.signalCode}) without a checkpoint`)
    await systemClock.sleep(5)
  }
}

export interface Reading {
  readonly device: string
  readonly at: number
  readonly celsius: number
}

/** Readings of 40 devices, a tenth of a second apart, every tenth up to 4 s out of order, every 500th half a minute late. */
export function readings(count: number): Reading[] {
  return Array.from({ length: count }, (_, index) => {
    const delayMs = index % 500 === 250 ? 30_000 : index % 10 === 3 ? (index * 7919) % 4_000 : 0
    return { device: `d${(index * 31) % 40}`, at: 1_700_000_000_000 + index * 100 - delayMs, celsius: ((index * 37) % 800) / 10 - 20 }
  })
}

export function csvOf(rows: readonly Reading[]): string {
  return `device,at,celsius\n${rows.map(({ device, at, celsius }) => `${device},${at},${celsius}`).join('\n')}\n`
}

export function ndjsonOf(rows: readonly object[]): string {
  return rows.map((row) => `${JSON.stringify(row)}\n`).join('')
}

export interface PlanOptions {
  readonly late?: object
  readonly allowedLatenessMs?: number
  readonly sizeMs?: number
}

/** Devices by ten seconds, 5 s of disorder, watermark after every record. */
export function plan({ late = { kind: 'drop' }, allowedLatenessMs = 0, sizeMs = 10_000 }: PlanOptions = {}): object {
  return {
    millrace: 1,
    name: 'cli-test',
    operators: [
      { uid: 'readings', op: 'source', schema: { device: 'utf8', at: 'timestamp', celsius: 'f64' } },
      {
        uid: 'time',
        op: 'eventTime',
        inputs: ['readings'],
        column: 'at',
        watermark: { kind: 'boundedOutOfOrderness', delayMs: 5_000, everyRecords: 1 },
      },
      { uid: 'by-device', op: 'keyBy', inputs: ['time'], columns: ['device'] },
      {
        uid: 'windows',
        op: 'window',
        inputs: ['by-device'],
        window: { kind: 'tumbling', sizeMs, offsetMs: 0 },
        allowedLatenessMs,
        late,
        aggregates: { n: { fn: 'count' }, max: { fn: 'max', column: 'celsius' } },
      },
      { uid: 'out', op: 'sink', inputs: ['windows'], name: 'results' },
    ],
  }
}

export function writePlan(directory: string, options: PlanOptions = {}): void {
  writeFileSync(join(directory, 'plan.json'), JSON.stringify(plan(options)))
}

/** Windows of the plan above, the obvious way. @returns lines in the order of {@link sortedLines}, and how many readings were late. */
export function expected(
  rows: readonly Reading[],
  sizeMs = 10_000,
  delayMs = 5_000,
): { readonly lines: string[]; readonly late: Reading[] } {
  const windows = new Map<string, { windowStart: number; windowEnd: number; device: string; n: number; max: number }>()
  const late: Reading[] = []
  let watermark = Number.NEGATIVE_INFINITY
  for (const row of rows) {
    const windowStart = Math.floor(row.at / sizeMs) * sizeMs
    const windowEnd = windowStart + sizeMs
    if (watermark >= windowEnd - 1) {
      late.push(row)
    } else {
      const key = `${row.device} ${windowStart}`
      const window = windows.get(key) ?? { windowStart, windowEnd, device: row.device, n: 0, max: Number.NEGATIVE_INFINITY }
      window.n++
      window.max = Math.max(window.max, row.celsius)
      windows.set(key, window)
    }
    watermark = Math.max(watermark, row.at - delayMs - 1)
  }
  return { lines: [...windows.values()].map((window) => JSON.stringify(window)).sort(), late }
}

export function sortedLines(text: string): string[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .sort()
}

export function contentOf(directory: string, name: string): Promise<string> {
  return readFile(join(directory, name), 'utf8')
}
