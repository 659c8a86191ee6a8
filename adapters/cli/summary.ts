/**
 * What a job did, at its end: for people, and for programs.
 *
 * Before: the last status of a job. After: standard output.
 *
 * Invariant: nothing that was lost, late or refused goes unmentioned.
 */

import type { JobStatus } from '../../runtime/index.ts'
import { bytes, count, counted, duration, printable, rate } from './text.ts'

const LETTERS_SHOWN = 3

export interface SummaryOptions {
  readonly sinkFiles: ReadonlyMap<string, string>
  readonly deadLetterFile: string | null
  readonly hasCheckpoints: boolean
  /** Records and dead letters at the start: those that an earlier run has read. */
  readonly recordsBefore: number
}

export function summaryText(status: JobStatus, options: SummaryOptions): string {
  const records = status.recordsIn - options.recordsBefore
  const speed = status.durationMs > 0 ? `, ${rate((records / status.durationMs) * 1000)}` : ''
  const lines = [`${status.state === 'stopped' ? 'stopped' : 'done'}: ${printable(status.name)} in ${duration(status.durationMs)}${speed}`]
  const recovered = status.recoveredFrom
  if (recovered !== null)
    lines.push(row('resumed', `from checkpoint ${recovered.checkpointId}, which covers ${counted(options.recordsBefore, 'record')}`))
  for (const source of status.sources) {
    const filtered = source.filtered === 0 ? '' : `, ${count(source.filtered)} filtered`
    const dead = source.deadLetters === 0 ? '' : `, ${counted(source.deadLetters, 'dead letter')}`
    lines.push(row('read', `${printable(source.uid)}: ${counted(source.recordsIn, 'record')}${filtered}${dead}`))
  }
  for (const { uid, counts } of status.operators) {
    const told = Object.entries(counts).filter(([name, value]) => value > 0 && name !== 'recordsIn' && name !== 'recordsOut')
    const parts = told.map(([name, value]) => `, ${count(value)} ${inWords(name)}`)
    lines.push(row('stages', `${printable(uid)}: ${counted(counts['recordsIn'] ?? 0, 'record')}${parts.join('')}`))
  }
  for (const window of status.windows) {
    const updates = window.lateUpdates === 0 ? '' : `, ${count(window.lateUpdates)} of them corrections by late records`
    const late = window.late === 0 ? '' : `, ${counted(window.late, 'record')} too late`
    lines.push(row('windows', `${printable(window.uid)}: ${counted(window.results, 'result')}${updates}${late}`))
  }
  for (const sink of status.sinks) {
    const file = options.sinkFiles.get(sink.name) ?? ''
    const place = file === '-' ? 'standard output' : file
    lines.push(
      row('written', `${printable(sink.name)}: ${counted(sink.rows, 'row')} to ${printable(place)}, ${delivery(sink.delivery, options)}`),
    )
  }
  if (options.hasCheckpoints) lines.push(row('checkpoints', checkpointText(status)))
  return [...lines, ...letters(status, options)].join('\n')
}

/** `latePassed` as `late passed`. */
function inWords(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
}

function row(label: string, text: string): string {
  return `  ${label.padEnd(11)} ${text}`
}

/** Without checkpoints a crash means starting again: exactly once holds for a run that ends, not across runs. */
function delivery(delivery: string, { hasCheckpoints }: SummaryOptions): string {
  const words = delivery.replaceAll('-', ' ')
  return hasCheckpoints || delivery !== 'exactly-once' ? words : `${words} (this run)`
}

function checkpointText({ checkpoints }: JobStatus): string {
  const { last, failedCount } = checkpoints
  const failed = failedCount === 0 ? '' : `, ${count(failedCount)} failed`
  return `${count(checkpoints.count)}${last === null ? '' : `, the last is ${last.checkpointId} with ${bytes(last.bytes)} of state`}${failed}`
}

function letters(status: JobStatus, { deadLetterFile }: SummaryOptions): readonly string[] {
  if (status.deadLetters === 0) return []
  if (deadLetterFile !== null) return [row('refused', `${counted(status.deadLetters, 'dead letter')} in ${printable(deadLetterFile)}`)]
  const shown = status.deadLetterSamples.slice(0, LETTERS_SHOWN).map((letter) => {
    const where = [letter.source, letter.position].filter((part) => part !== '').join(', ')
    return `    ${letter.code} at ${printable(where)}: ${printable(letter.reason)}`
  })
  const more = status.deadLetters - shown.length
  return [
    row('refused', `${counted(status.deadLetters, 'dead letter')}; --dead-letters FILE keeps all of them`),
    ...shown,
    ...(more > 0 && shown.length > 0 ? [`    and ${count(more)} more`] : []),
  ]
}

export function summaryEvent(status: JobStatus, options: SummaryOptions): object {
  return { type: 'summary', ...status, sinkFiles: Object.fromEntries(options.sinkFiles), deadLetterFile: options.deadLetterFile }
}
