/**
 * `millrace checkpoints`: what a job left in a directory: a list, a check of every byte, or one checkpoint in detail.
 *
 * Before: main. After: `fileCheckpoints(DIR).inspect()`, which claims nothing and changes nothing.
 *
 * Invariant: what comes from a manifest is printed with its control characters escaped.
 */

import { stat } from 'node:fs/promises'
import process from 'node:process'
import { type CheckpointReader, ConfigError } from '../../runtime/index.ts'
import { fileCheckpoints, type GenerationReport, verify } from '../node.ts'
import { Arguments } from './arguments.ts'
import { bytes, count, counted, printable, table, time } from './text.ts'

type Manifest = NonNullable<GenerationReport['manifest']>

export async function runCheckpoints(args: readonly string[]): Promise<number> {
  const isInspect = args.includes('inspect')
  const given = Arguments.parse(args, 'checkpoints', isInspect ? ['DIR', 'inspect', 'ID'] : ['DIR'], { verify: 'flag', json: 'flag' })
  const directory = given.positionals[0]!
  const found = await stat(directory).catch(() => null)
  if (found === null || !found.isDirectory()) {
    const what = found === null ? 'there is no such directory' : 'it is not a directory'
    throw new ConfigError('DIRECTORY_MISSING', `Cannot look into ${directory}: ${what}; give the directory of --checkpoints`, {
      details: { directory },
    })
  }
  const reader = await fileCheckpoints(directory).inspect()
  const isVerified = given.has('verify')
  const reports = await reportsOf(reader, isVerified)
  if (isInspect) return inspect(reports, given.positionals[2]!, { directory, isJson: given.has('json') })
  if (given.has('json'))
    process.stdout.write(`${JSON.stringify({ type: 'checkpoints', directory, isVerified, checkpoints: reports.map(listed) })}\n`)
  else process.stdout.write(listText(reports, directory, isVerified))
  return reports.some(({ problem }) => problem !== null) ? 1 : 0
}

/**
 * Every generation, newest first. Without `isVerified` only manifests are read: state may be gigabytes, and a list should be quick.
 * A report that has a manifest then complains of chunks that were not looked at; that complaint is ours and is left out.
 */
async function reportsOf(reader: CheckpointReader, isVerified: boolean): Promise<readonly GenerationReport[]> {
  if (isVerified) return verify(reader)
  const manifestsOnly: CheckpointReader = {
    generations: () => reader.generations(),
    readManifest: (generation) => reader.readManifest(generation),
    readChunk: () => Promise.resolve(null),
  }
  const reports = await verify(manifestsOnly)
  return reports.map((report) => (report.manifest === null ? report : { ...report, problem: null }))
}

function listed({ generation, manifest, problem, ...size }: GenerationReport): object {
  return {
    checkpointId: generation.checkpointId,
    epoch: generation.epoch,
    job: manifest?.jobName ?? null,
    createdAtMs: manifest?.createdAtMs ?? null,
    isFinal: manifest?.isFinal ?? null,
    ...size,
    problem: problem === null ? null : { code: problem.code, message: problem.message },
  }
}

function listText(reports: readonly GenerationReport[], directory: string, isVerified: boolean): string {
  if (reports.length === 0) return `${printable(directory)} has no checkpoints.\n`
  const rows = reports.map(({ generation, manifest, problem, bytes: size, chunks }) => [
    String(generation.checkpointId),
    String(generation.epoch),
    manifest === null ? '' : time(manifest.createdAtMs).slice(0, 19),
    manifest === null ? '' : bytes(size),
    manifest === null ? '' : count(chunks),
    problem === null
      ? `${isVerified ? 'ok' : 'not verified'}${manifest?.isFinal === true ? ', final' : ''}`
      : `${problem.code}: ${printable(problem.message)}`,
  ])
  const job = reports.find(({ manifest }) => manifest !== null)?.manifest?.jobName
  const heading = `${counted(reports.length, 'checkpoint')}${job === undefined ? '' : ` of ${printable(job)}`} in ${printable(directory)}, newest first`
  const damaged = reports.filter(({ problem }) => problem !== null).length
  const ending =
    isVerified && damaged === 0
      ? '\n\nEvery byte was read and is as it was written.'
      : isVerified || damaged > 0
        ? ''
        : '\n\n--verify reads every chunk and checks it.'
  const verdict = damaged === 0 ? ending : `\n\n${counted(damaged, 'checkpoint')} damaged; a job resumes from the newest that is whole.`
  return `${heading}\n\n${table(['id', 'epoch', 'taken (UTC)', 'state', 'chunks', ''], rows, [true, true, false, true, true])}${verdict}\n`
}

function inspect(
  reports: readonly GenerationReport[],
  id: string,
  { directory, isJson }: { readonly directory: string; readonly isJson: boolean },
): number {
  const report = reports.find(({ generation }) => String(generation.checkpointId) === id)
  if (report === undefined) {
    const ids = reports.map(({ generation }) => generation.checkpointId).join(', ') || 'none'
    throw new ConfigError('CHECKPOINT_UNKNOWN', `${directory} has no checkpoint ${JSON.stringify(id)}; it has ${ids}`, {
      details: { directory, id },
    })
  }
  const { manifest, problem } = report
  if (manifest === null) throw problem ?? new ConfigError('CHECKPOINT_UNKNOWN', `Checkpoint ${id} has no manifest`)
  process.stdout.write(isJson ? `${JSON.stringify({ type: 'checkpoint', ...manifest })}\n` : inspectText(manifest, report))
  return 0
}

function inspectText(manifest: Manifest, { bytes: stateBytes, chunks }: GenerationReport): string {
  const lines = [
    `Checkpoint ${manifest.checkpointId} of ${printable(manifest.jobName)}`,
    `  taken        ${time(manifest.createdAtMs)} UTC${manifest.isFinal ? ', when the input had ended' : ''}`,
    `  epoch        ${manifest.epoch}${manifest.previous === null ? '' : `, after checkpoint ${manifest.previous.checkpointId} of epoch ${manifest.previous.epoch}`}`,
    `  plan         ${manifest.planFingerprint}`,
    `  state        ${bytes(stateBytes)} in ${counted(chunks, 'chunk')}, ${counted(manifest.keyGroupCount, 'key group')}`,
    '',
    'Sources',
    ...Object.entries(manifest.sources).flatMap(([uid, state]) => sourceLines(uid, state)),
    '',
    'Operators',
    ...Object.entries(manifest.operators).map(([uid, { subtasks }]) => {
      const chunkBytes = new Map(subtasks.flatMap((subtask) => subtask.chunks.map(({ hash, byteLength }) => [hash, byteLength])))
      return `  ${printable(uid)}: ${bytes([...chunkBytes.values()].reduce((sum, size) => sum + size, 0))} of ${counted(subtasks.length, 'subtask')}`
    }),
    '',
    'Sinks',
    ...Object.entries(manifest.sinks).map(([name, state]) => `  ${printable(name)}: ${printable(JSON.stringify(state))}`),
    '',
    'Counters',
    ...Object.entries(manifest.counters).map(([name, value]) => `  ${printable(name)}: ${count(value)}`),
  ]
  return `${lines.join('\n')}\n`
}

/** A source's state is its own business; what is usually there is shown, field by field, if it is there. */
function sourceLines(uid: string, state: unknown): readonly string[] {
  const states = Object.entries(fields(fields(state)['splits'])).map(([id, value]) => ({ id, split: fields(value) }))
  const isEnded = states.every(({ split }) => split['isEnded'] === true)
  const splits = states.map(({ id, split }) => {
    const records = typeof split['recordCount'] === 'number' ? `${counted(split['recordCount'], 'record')}, ` : ''
    const end = split['isEnded'] === true ? ', ended' : ''
    return `    split ${printable(id)}: ${records}position ${printable(JSON.stringify(split['position'] ?? null))}${end}`
  })
  const watermarks = Object.entries(fields(fields(state)['watermarks'])).map(([name, value]) => {
    return `    watermark of ${printable(name)}: ${typeof value === 'number' ? `${time(value)} UTC` : isEnded ? 'the end of time' : 'none yet'}`
  })
  return [`  ${printable(uid)}`, ...splits, ...watermarks]
}

function fields(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value)) : {}
}
