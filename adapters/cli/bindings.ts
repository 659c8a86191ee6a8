/**
 * `--source readings=FILE` and `--sink minutes=FILE` as what `start` takes.
 *
 * Before: arguments and the names of a plan. After: run-command.
 *
 * Invariant: every name has a file, no file is written twice, and none that is read is written.
 */

import { resolve } from 'node:path'
import { ConfigError, type Job, type Sink, type Source } from '../../runtime/index.ts'
import { csvFile, fileFor, ndjsonFile } from '../node.ts'
import { nearest } from './arguments.ts'
import { outletsOf, sourceNames } from './plan-file.ts'

export type Format = 'csv' | 'ndjson'

export interface Bindings {
  readonly sources: Readonly<Record<string, Source>>
  readonly sinks: Readonly<Record<string, Sink>>
  /** Files of the sinks by name. */
  readonly sinkFiles: ReadonlyMap<string, string>
  /** Whether a sink is standard output, so that nothing else may be written there. */
  readonly usesStandardOutput: boolean
}

export interface BindingOptions {
  readonly sources: readonly string[]
  readonly sinks: readonly string[]
  /** For `-` and for names whose ending says nothing. */
  readonly format: Format | null
  readonly pane: boolean
}

const STANDARD_STREAM = '-'

/** @throws ConfigError `BINDING_MISSING`, `BINDING_UNKNOWN`, `BINDING_AMBIGUOUS`, `FILE_CONFLICT` and those of the file adapters. */
export function bind(job: Job, options: BindingOptions): Bindings {
  const outlets = outletsOf(job)
  const sourceFiles = filesByName('source', sourceNames(job), options.sources)
  const sinkFiles = filesByName(
    'sink',
    outlets.map(({ name }) => name),
    options.sinks,
  )
  checkConflicts(sourceFiles, sinkFiles)
  const sources = [...sourceFiles].map(([name, files]): [string, Source] => [name, sourceOf(files, options.format)])
  const sinks = outlets.map(({ name, hasPanes }): [string, Sink] => [
    name,
    sinkOf(sinkFiles.get(name)![0]!, options.format, options.pane && hasPanes),
  ])
  return {
    sources: Object.fromEntries(sources),
    sinks: Object.fromEntries(sinks),
    sinkFiles: new Map([...sinkFiles].map(([name, files]) => [name, files[0]!])),
    usesStandardOutput: [...sinkFiles.values()].some((files) => files.includes(STANDARD_STREAM)),
  }
}

function filesByName(kind: 'source' | 'sink', names: readonly string[], given: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const files = new Map<string, string[]>(names.map((name) => [name, []]))
  for (const text of given) {
    const { name, file } = split(kind, names, text)
    const list = files.get(name)
    if (list === undefined) {
      const hint = nearest(name, names)
      throw new ConfigError('BINDING_UNKNOWN', `The plan has no ${kind} ${JSON.stringify(name)}${hint}; it has ${names.join(', ')}`, {
        details: { name, names },
      })
    }
    if (kind === 'sink' && list.length > 0)
      throw new ConfigError('BINDING_DUPLICATE', `Sink ${name} is bound to ${list[0]} and ${file}; give it one file`)
    list.push(file)
  }
  const missing = names.filter((name) => files.get(name)!.length === 0)
  if (missing.length > 0) {
    const remedy = missing.map((name) => `--${kind} ${names.length === 1 ? '' : `${name}=`}FILE`).join(' ')
    throw new ConfigError('BINDING_MISSING', `No file is bound to ${kind} ${missing.join(', ')}; add ${remedy}`, { details: { missing } })
  }
  return files
}

/** The name before the first `=`; a text without one, or whose beginning is a path, is the file of the only name there is. */
function split(kind: 'source' | 'sink', names: readonly string[], text: string): { readonly name: string; readonly file: string } {
  const at = text.indexOf('=')
  const name = at > 0 ? text.slice(0, at) : null
  if (name !== null && at < text.length - 1 && (names.includes(name) || !/[./\\]/.test(name))) return { name, file: text.slice(at + 1) }
  if (name !== null && at === text.length - 1)
    throw new ConfigError('OPTION_VALUE_MISSING', `--${kind} ${text} names no file; write --${kind} ${name}=FILE`)
  if (names.length === 1) return { name: names[0]!, file: text }
  throw new ConfigError(
    'BINDING_AMBIGUOUS',
    `--${kind} ${text} does not say which ${kind} it is: the plan has ${names.join(', ')}; write --${kind} NAME=${text}`,
  )
}

function checkConflicts(sources: ReadonlyMap<string, readonly string[]>, sinks: ReadonlyMap<string, readonly string[]>): void {
  const read = new Map<string, string>()
  const isFile = (file: string) => file !== STANDARD_STREAM
  for (const [name, files] of sources) for (const file of files.filter(isFile)) read.set(resolve(file), name)
  const stdin = [...sources.values()].flat().filter((file) => !isFile(file)).length
  if (stdin > 1) throw new ConfigError('FILE_CONFLICT', 'Standard input can be read once only; bind the other sources to files')
  const written = new Map<string, string>()
  for (const [name, files] of sinks) {
    for (const file of files) {
      const path = isFile(file) ? resolve(file) : STANDARD_STREAM
      const other = written.get(path)
      if (other !== undefined)
        throw new ConfigError('FILE_CONFLICT', `Sinks ${other} and ${name} would both write ${file}; give each a file of its own`)
      if (read.has(path))
        throw new ConfigError(
          'FILE_CONFLICT',
          `Sink ${name} would write ${file}, which source ${read.get(path)} reads; give it another file`,
        )
      written.set(path, name)
    }
  }
}

function formatOf(file: string, format: Format | null): Format {
  const ending = /\.(csv|ndjson|jsonl)(?:\.gz)?$/i.exec(file)?.[1]?.toLowerCase()
  if (ending !== undefined) return ending === 'csv' ? 'csv' : 'ndjson'
  if (format !== null || file === STANDARD_STREAM) return format ?? 'ndjson'
  // Says which endings are known.
  fileFor(file)
  return 'ndjson'
}

function sourceOf(files: readonly string[], format: Format | null): Source {
  const formats = new Set(files.map((file) => formatOf(file, format)))
  if (formats.size > 1) throw new ConfigError('FILE_CONFLICT', `The files of one source must have one format: ${files.join(', ')}`)
  return formats.has('csv') ? csvFile(files) : ndjsonFile(files)
}

function sinkOf(file: string, format: Format | null, pane: boolean): Sink {
  return formatOf(file, format) === 'csv' ? csvFile(file, { pane }) : ndjsonFile(file, { pane })
}
