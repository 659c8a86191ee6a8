/**
 * What the example prints: headings, tables, numbers, and a progress line.
 *
 * On a terminal the progress line is redrawn and some words are bright; piped, everything is plain text.
 */

import process from 'node:process'
import { styleText } from 'node:util'
import { systemClock } from 'millrace'

const out = process.stdout
const BAR_CELLS = 24
const WIDTH = 92

export const bold = (text) => styleText('bold', text, { stream: out })
export const dim = (text) => styleText('dim', text, { stream: out })
export const bright = (text) => styleText('cyan', text, { stream: out })

export function print(...lines) {
  for (const line of lines) out.write(`${line}\n`)
}

/** A part of the example: number, title, and what the reader is about to see. */
export function heading(number, title, ...explanation) {
  const rule = '─'.repeat(Math.max(3, WIDTH - title.length - 5))
  print('', `${bright(`${number}  ${bold(title)}`)} ${dim(rule)}`, ...explanation.map((line) => `   ${line}`), '')
}

const numbers = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })

export const count = (value) => numbers.format(value)
export const counted = (value, noun) => `${count(value)} ${noun}${value === 1 ? '' : 's'}`
export const fixed = (value, digits) => (value === null ? '-' : value.toFixed(digits))
export const seconds = (ms) => `${(ms / 1000).toFixed(ms < 9_950 ? 2 : 1)} s`
export const utc = (ms) => new Date(ms).toISOString().slice(0, 16).replace('T', ' ')
export const day = (ms) => new Date(ms).toISOString().slice(0, 10)

/** `2.41 M/s`, or `870 k/s`. */
export function rate(perSecond) {
  if (!Number.isFinite(perSecond)) return '0/s'
  if (perSecond >= 1e6) return `${(perSecond / 1e6).toFixed(2)} M/s`
  return perSecond >= 1e4 ? `${Math.round(perSecond / 1e3)} k/s` : `${count(perSecond)}/s`
}

/** `40 min`, `7.5 h`, `6.7 days`. */
export function span(ms) {
  const hours = ms / 3_600_000
  if (hours < 1) return `${Math.round(hours * 60)} min`
  return hours < 48 ? `${hours.toFixed(1)} h` : `${(hours / 24).toFixed(1)} days`
}

/** A table under a title; columns named with a leading `>` end at the right edge. */
export function table(title, headings, rows) {
  const names = headings.map((name) => name.replace(/^>/, ''))
  const widths = names.map((name, column) => Math.max(name.length, ...rows.map((row) => row[column].length)))
  const line = (row) =>
    row
      .map((cell, column) => (headings[column].startsWith('>') ? cell.padStart(widths[column]) : cell.padEnd(widths[column])))
      .join('   ')
      .trimEnd()
  print(`   ${bold(title)}`, `   ${dim(line(names))}`, ...rows.map((row) => `   ${line(row)}`), '')
}

/** Shows how far a job is until it has ended. @returns its last status. */
export async function watch(run) {
  const ended = new AbortController()
  const showing = out.isTTY ? redraw(run, ended.signal) : Promise.resolve()
  try {
    return await run.finished
  } finally {
    ended.abort()
    await showing
  }
}

async function redraw(run, ended) {
  for (;;) {
    await systemClock.sleep(80, ended)
    if (ended.aborted) break
    out.write(`\r\u001b[2K${progressLine(await run.status())}`)
  }
  out.write('\r\u001b[2K')
}

/** Share done, records, rate, watermark, late, checkpoint: as much of it as fits the terminal. */
export function progressLine({ sources, recordsIn, durationMs, late, checkpoints, windows }) {
  const share = sources[0]?.progress ?? 0
  const filled = Math.round(share * BAR_CELLS)
  const watermarkMs = windows[0]?.watermarkMs ?? null
  const parts = [
    `${String(Math.floor(share * 100)).padStart(3)} %`,
    `${count(recordsIn)} records`,
    rate((recordsIn / durationMs) * 1000),
    watermarkMs === null ? '' : `watermark ${utc(watermarkMs)}`,
    late === 0 ? '' : `${count(late)} late`,
    checkpoints.last === null ? '' : `checkpoint ${checkpoints.last.checkpointId}`,
  ].filter((part) => part !== '')
  let line = ''
  for (const part of parts) if (line.length + part.length + BAR_CELLS + 6 < (out.columns ?? 80)) line += `${part}  `
  return `   ${bright('━'.repeat(filled))}${dim('─'.repeat(BAR_CELLS - filled))} ${line.trimEnd()}`
}

/** One line about a job that has ended. */
export function outcome({ recordsIn, durationMs, windows, checkpoints, tier, parallelism }) {
  const where = tier === 'shared' ? `${parallelism} workers` : 'one thread'
  const results = windows.reduce((sum, window) => sum + window.results, 0)
  print(
    `   ${bold(counted(recordsIn, 'record'))} → ${counted(results, 'result')} on ${where} in ${seconds(durationMs)}, ` +
      `${rate((recordsIn / durationMs) * 1000)}, ${counted(checkpoints.count, 'checkpoint')}`,
    '',
  )
}
