/**
 * GUIDE.md as the tests see it: fenced blocks with their language and the marker before them, and tables.
 *
 * Before: the file. After: `guide.test.ts`, which runs its programs, and `guide-claims.test.ts`, which draws its pictures again.
 * A marker is an HTML comment on the line before a block or a table, `<!-- drawn: NAME -->`: what follows is made by a test.
 * With GUIDE=write in the environment, and one test file at a time (`--no-file-parallelism`), what is made replaces what is there.
 *
 * Invariant: every marker occurs once.
 */

import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const file = `${root}GUIDE.md`
export const isWriting = process.env['GUIDE'] === 'write'

export interface Block {
  readonly language: string
  readonly text: string
  /** Line of its first line in the file, from 1. */
  readonly line: number
  /** What the marker before it says; empty without one. */
  readonly marker: string
}

export function guideText(): string {
  return readFileSync(file, 'utf8')
}

/** All fenced blocks of the guide, or of another file at the root, in order. */
export function blocks(name = 'GUIDE.md'): readonly Block[] {
  const lines = readFileSync(root + name, 'utf8').split('\n')
  const found: Block[] = []
  for (let at = 0; at < lines.length; at++) {
    const fence = /^```(\w*)$/.exec(lines[at]!)
    if (fence === null) continue
    const end = lines.indexOf('```', at + 1)
    found.push({ language: fence[1]!, text: lines.slice(at + 1, end).join('\n'), line: at + 2, marker: markerOf(lines[at - 1]) })
    at = end
  }
  return found
}

function markerOf(line: string | undefined): string {
  return /^<!-- (.+) -->$/.exec(line ?? '')?.[1] ?? ''
}

/** Names of all that is drawn or computed by tests. */
export function markers(): readonly string[] {
  return [...guideText().matchAll(/^<!-- ((?:drawn|table): .+) -->$/gm)].map((match) => match[1]!)
}

/** What stands behind a marker: the text of a block, or the lines of a table. */
export function marked(marker: string): string {
  const [, from, to] = place(marker)
  return from.slice(0, to)
}

/** Replaces the text of a block. */
export function replaceBlock({ line, text }: Block, by: string): void {
  if (text === by) return
  const lines = guideText().split('\n')
  lines.splice(line - 1, text.split('\n').length, ...by.split('\n'))
  writeFileSync(file, lines.join('\n'))
}

/** Replaces what stands behind a marker, if the guide is to be written. */
export function write(marker: string, text: string): void {
  if (!isWriting || marked(marker) === text) return
  const [before, from, length] = place(marker)
  writeFileSync(file, before + text + (length === 0 ? '\n' : '') + from.slice(length))
}

function place(marker: string): readonly [string, string, number] {
  const text = guideText()
  const comment = `<!-- ${marker} -->\n`
  const at = text.indexOf(comment)
  if (at < 0) throw new Error(`GUIDE.md has no ${comment.trim()}`)
  const after = text.slice(at + comment.length)
  const fence = /^```\w*\n/.exec(after)?.[0] ?? ''
  const body = after.slice(fence.length)
  const length = fence === '' ? /^(\|.*\n)*/.exec(body)![0].length - 1 : body.startsWith('```') ? 0 : body.indexOf('\n```')
  return [text.slice(0, at + comment.length + fence.length), body, Math.max(length, 0)]
}

/** Rows of a table behind a marker, without its head: the cells, trimmed. */
export function tableRows(marker: string): readonly (readonly string[])[] {
  return marked(marker)
    .split('\n')
    .slice(2)
    .map((line) =>
      line
        .slice(1, -1)
        .split(/(?<!\\)\|/)
        .map((cell) => cell.trim()),
    )
}

/** A table as Markdown, its columns padded. */
export function tableText(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length), 3))
  const line = (cells: readonly string[]) => `| ${cells.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |`
  return [line(rows[0]!), line(widths.map((width) => '-'.repeat(width))), ...rows.slice(1).map(line)].join('\n')
}
