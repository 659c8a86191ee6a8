/**
 * Kills real processes and looks at what they leave: a job over files on two worker threads, with checkpoints on disk and files written
 * exactly once, is killed with SIGKILL at random moments of its life and started again until it ends.
 *
 * Before: a seed. After: main.ts and crash.test.ts report violations.
 *
 * Invariant: the files and counts at the end are those of a process that was left alone, and no acknowledged checkpoint is ever lost.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { fileCheckpoints } from '../../adapters/disk-store.ts'
import { verify } from '../../runtime/checkpoint/recovery.ts'
import { systemClock } from '../../runtime/clock.ts'
import { Prng } from '../support/prng.ts'
import { CRASH_SINKS, type CrashJobName } from './jobs.ts'

/** What a process was doing when it was killed, as far as the parent can see. */
export const PHASES = [
  'loading',
  'starting',
  'before its first checkpoint',
  'reading',
  'while a checkpoint is written',
  'finishing',
] as const
export type Phase = (typeof PHASES)[number]

export interface CrashReport {
  kills: number
  /** Processes that ended before the kill came. */
  ends: number
  scenarios: number
  readonly phases: Map<Phase, number>
  readonly violations: string[]
}

export interface CrashOptions {
  /** SIGKILLs to make; the last scenario is brought to its end, so there may be a few more. */
  readonly runs: number
  readonly seed: number
  readonly records?: number
  /** Which jobs; default all. */
  readonly jobs?: readonly CrashJobName[]
  readonly onProgress?: (report: CrashReport) => void
  /** The runtime and its arguments before the script; default this Node. */
  readonly command?: readonly [string, ...string[]]
}

interface Input {
  readonly name: string
  readonly job: CrashJobName
  readonly format: 'csv' | 'ndjson'
  readonly files: number
  readonly root: string
  readonly command: readonly [string, ...string[]]
}

interface Life {
  readonly lines: readonly string[]
  readonly wasKilled: boolean
  readonly ms: number
  readonly startMs: number
  readonly errors: string
}

const ALL_JOBS = ['plain', 'panes'] as const
/** What the pane kernel is given, of the records of plain windows: six windows for each record, panes in dozens. */
const PANE_SHARE = 0.5
const KILLS_A_SCENARIO = 6
const child = fileURLToPath(new URL('./child.ts', import.meta.url))

/** Kills `runs` times. Two inputs for each job, each with the result of an undisturbed process, are shared by all scenarios of a call. */
export async function crashes({
  runs,
  seed,
  records = 150_000,
  jobs = ALL_JOBS,
  onProgress,
  command = [process.execPath],
}: CrashOptions): Promise<CrashReport> {
  const prng = new Prng(seed)
  const report: CrashReport = { kills: 0, ends: 0, scenarios: 0, phases: new Map(), violations: [] }
  const root = await mkdtemp(join(tmpdir(), 'millrace-crash-'))
  try {
    const inputs: Input[] = []
    for (const job of jobs) {
      for (const [index, format] of (['ndjson', 'csv'] as const).entries()) {
        const name = `${job} ${format}`
        const input = { name, job, format, files: 2 - index, root: join(root, `${job}-${format}`), command }
        await mkdir(input.root)
        await writeInput(input, prng, job === 'panes' ? records * PANE_SHARE : records)
        inputs.push(input)
      }
    }
    const wanted = []
    for (const input of inputs) wanted.push(await undisturbed(input))
    while (report.kills < runs && report.violations.length < 10) {
      const which = prng.int(inputs.length)
      await scenario(inputs[which]!, wanted[which]!, prng, report, onProgress)
    }
  } finally {
    await rm(root, { recursive: true, force: true })
  }
  return report
}

interface Wanted {
  readonly files: ReadonlyMap<string, Buffer>
  readonly counts: string
  /** From the spawn until records flow, and from there to the end. */
  readonly startMs: number
  readonly runMs: number
}

async function undisturbed(input: Input): Promise<Wanted> {
  const directory = join(input.root, 'undisturbed')
  await mkdir(directory)
  const life = await live(input, directory, 1_000, null)
  const counts = life.lines.find((line) => line.startsWith('ended'))
  if (counts === undefined) throw new Error(`The undisturbed process did not end: ${life.errors}`)
  return { files: await results(input, directory), counts, startMs: life.startMs, runMs: life.ms - life.startMs }
}

async function scenario(
  input: Input,
  wanted: Wanted,
  prng: Prng,
  report: CrashReport,
  onProgress: CrashOptions['onProgress'],
): Promise<void> {
  const name = `scenario-${report.scenarios++}`
  const directory = join(input.root, name)
  await mkdir(directory)
  const everyMs = 20 + prng.int(31)
  let acknowledged = { epoch: 0, checkpointId: 0 }
  for (let kills = 0; ; kills++) {
    // Half of the kills fall on the whole life from the spawn on, half on the time in which records flow.
    const isEarly = prng.int(2) === 0
    const limitMs = prng.next() * 1.05 * (isEarly ? wanted.startMs + wanted.runMs : wanted.runMs)
    const life = await live(input, directory, everyMs, kills >= KILLS_A_SCENARIO ? null : { isFromSpawn: isEarly, ms: limitMs })
    for (const line of life.lines) {
      const [word, epoch, checkpointId] = line.split(' ')
      if (word === 'checkpoint') acknowledged = { epoch: Number(epoch), checkpointId: Number(checkpointId) }
    }
    if (life.wasKilled) {
      report.kills++
      const phase = await phaseOf(life, directory)
      report.phases.set(phase, (report.phases.get(phase) ?? 0) + 1)
    } else report.ends++
    const problem = await lostCheckpoint(directory, acknowledged)
    if (problem !== null) report.violations.push(`${input.name} ${name}, after kill ${kills + 1}: ${problem}`)
    onProgress?.(report)
    if (life.wasKilled) continue
    const counts = life.lines.find((line) => line.startsWith('ended'))
    if (counts === undefined) report.violations.push(`${input.name} ${name}: the process failed: ${life.errors.slice(0, 2_000)}`)
    else if (counts !== wanted.counts) report.violations.push(`${input.name} ${name}: counts are ${counts}; undisturbed ${wanted.counts}`)
    else
      report.violations.push(...(await differences(input, directory, wanted)).map((difference) => `${input.name} ${name}: ${difference}`))
    await rm(directory, { recursive: true, force: true })
    return
  }
}

/** Runs the child until it ends, or until it is killed with all its threads: so long after the spawn, or after records began to flow. */
async function live(
  input: Input,
  directory: string,
  everyMs: number,
  kill: { readonly isFromSpawn: boolean; readonly ms: number } | null,
): Promise<Life> {
  const spawnedMs = systemClock.monotonic()
  const [program, ...first] = input.command
  const spawned: ChildProcess = spawn(
    program,
    [...first, child, directory, input.job, input.format, String(input.files), String(everyMs)],
    {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  let output = ''
  let errors = ''
  let startMs = 0
  let wasKilled = false
  const ending = new AbortController()
  const killAfter = async (ms: number) => {
    await systemClock.sleep(ms, ending.signal)
    if (ending.signal.aborted || spawned.exitCode !== null || spawned.pid === undefined) return
    wasKilled = true
    process.kill(-spawned.pid, 'SIGKILL')
  }
  spawned.stdout!.setEncoding('utf8').on('data', (text: string) => {
    output += text
    if (startMs > 0 || !output.includes('started')) return
    startMs = systemClock.monotonic() - spawnedMs
    if (kill !== null && !kill.isFromSpawn) void killAfter(kill.ms)
  })
  spawned.stderr!.setEncoding('utf8').on('data', (text: string) => {
    errors += text
  })
  if (kill?.isFromSpawn === true) void killAfter(kill.ms)
  await new Promise<void>((resolve) => {
    spawned.on('close', () => resolve())
  })
  ending.abort()
  return {
    lines: output.split('\n'),
    wasKilled: wasKilled && spawned.signalCode === 'SIGKILL',
    ms: systemClock.monotonic() - spawnedMs,
    startMs,
    errors,
  }
}

async function phaseOf({ lines }: Life, directory: string): Promise<Phase> {
  if (!lines.includes('loaded')) return 'loading'
  if (!lines.includes('started')) return 'starting'
  const state = join(directory, 'state')
  const work = (await readdir(state))
    .filter((name) => name.startsWith('work-'))
    .toSorted()
    .at(-1)
  const drafts = work === undefined ? [] : await readdir(join(state, work))
  if (lines.includes('read')) return 'finishing'
  if (drafts.length > 0) return 'while a checkpoint is written'
  return lines.some((line) => line.startsWith('checkpoint')) ? 'reading' : 'before its first checkpoint'
}

/** Why what was acknowledged cannot be recovered; null when it, or something newer, can. */
async function lostCheckpoint(
  directory: string,
  acknowledged: { readonly epoch: number; readonly checkpointId: number },
): Promise<string | null> {
  if (acknowledged.epoch === 0) return null
  const reports = await verify(await fileCheckpoints(join(directory, 'state')).inspect())
  const newest = reports[0]
  const name = `checkpoint ${acknowledged.checkpointId} of epoch ${acknowledged.epoch}`
  if (newest === undefined) return `${name} was acknowledged, the store has none`
  const damaged = reports.find(({ problem }) => problem !== null)
  if (damaged !== undefined) return `checkpoint ${damaged.generation.checkpointId} is damaged: ${damaged.problem!.message}`
  const { epoch, checkpointId } = newest.generation
  if (epoch > acknowledged.epoch || (epoch === acknowledged.epoch && checkpointId >= acknowledged.checkpointId)) return null
  return `${name} was acknowledged, the newest is ${checkpointId} of epoch ${epoch}`
}

async function results({ job }: Input, directory: string): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>()
  for (const name of CRASH_SINKS[job]) files.set(name, await readFile(join(directory, `${name}.ndjson`)))
  return files
}

async function differences(input: Input, directory: string, wanted: Wanted): Promise<string[]> {
  const found = await results(input, directory)
  const different = []
  for (const [name, bytes] of wanted.files) {
    const own = found.get(name)!
    if (own.equals(bytes)) continue
    const lines = own.toString().split('\n')
    const wantedLines = bytes.toString().split('\n')
    const at = wantedLines.findIndex((line, index) => lines[index] !== line)
    different.push(
      `${name} differs at line ${at + 1}: ${lines[at]}; undisturbed ${wantedLines[at]} ` +
        `(${lines.length} lines, undisturbed ${wantedLines.length})`,
    )
  }
  const rest = (await readdir(directory)).filter((name) => name.endsWith('.parts'))
  if (rest.length > 0) different.push(`${rest.join(', ')} were left behind`)
  return different
}

/** Readings with disorder, late ones, and lines that are none. */
async function writeInput({ format, files, root }: Input, prng: Prng, records: number): Promise<void> {
  for (let file = 0; file < files; file++) {
    const lines = format === 'csv' ? ['device,at,value'] : []
    let now = 1_700_000_000_000
    // Whatever the number of records, they pass over ten minutes.
    const stepMs = 1_200_000 / records
    for (let record = 0; record < records / files; record++) {
      now += prng.int(stepMs)
      const lateMs = prng.int(200) === 0 ? prng.int(60_000) : prng.int(4_000)
      const device = prng.int(100) === 0 ? '__proto__' : `device-${prng.int(60)}`
      const value = Math.round(prng.next() * 1e6) / 1e3
      lines.push(format === 'csv' ? `${device},${now - lateMs},${value}` : JSON.stringify({ device, at: now - lateMs, value }))
      if (prng.int(300) === 0)
        lines.push(
          prng.pick(
            format === 'csv'
              ? ['a,b', 'x,not a time,1', 'x,9e15,2', ',,,,']
              : ['{"device":', '{"device":"x","at":"soon"}', '{"device":7,"at":1}', '[]'],
          ),
        )
    }
    await writeFile(join(root, `input-${file}.${format}`), `${lines.join('\n')}\n`)
  }
}

/** The report as text; its last line is `N runs, N violations`. */
export function reportText({ kills, ends, scenarios, phases, violations }: CrashReport): string {
  const histogram = PHASES.map((phase) => `${String(phases.get(phase) ?? 0).padStart(8)}  killed ${phase}`)
  return [
    ...violations,
    ...histogram,
    `${scenarios} scenarios, ${ends} brought to their end`,
    `${kills} runs, ${violations.length} violations`,
  ].join('\n')
}
