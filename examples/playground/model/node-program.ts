/**
 * What is on the page as a program for Node: the same pipeline, the same stream, the same results.
 *
 * Before: the page. After: a file `playground.ts`, run with `node playground.ts` where `millrace` is installed.
 */

import { type Entry, splitCountOf } from './entry.ts'
import { planText } from './plan-text.ts'
import { momentOf } from './time-text.ts'
import type { ColumnShape } from './trace.ts'

export interface NodeProgram {
  readonly language: 'typescript' | 'plan'
  readonly text: string
  readonly entries: readonly Entry[]
  readonly columns: readonly ColumnShape[]
}

export function nodeProgramOf({ language, text, entries, columns }: NodeProgram): string {
  const times = columns.filter(({ type }) => type === 'timestamp').map(({ name }) => name)
  const saysWatermarks = entries.some(({ kind }) => kind === 'watermark')
  const splits = splitCountOf(entries)
  const options = [`watermarks: '${saysWatermarks ? 'manual' : 'declared'}'`, ...(splits > 1 ? [`splits: ${splits}`] : [])].join(', ')
  const isTimed = entries.some(({ kind }) => kind !== 'record')
  return `// Run: node playground.ts (Node 22.18 or later, with millrace installed)
import { testJob } from 'millrace/testing'
${programText(language, text)}

// What happens, in order of arrival.
const stream${isTimed ? ': any[]' : ''} = [
${entries.map((entry) => `  ${entryText(entry, times, splits > 1)},`).join('\n')}
]

const test = await testJob(job, { ${options} })
for (const entry of stream) {
${bodyOf(entries, splits > 1)}
  print(test)
}
await test.end()
print(test)

function print(test: any) {
  for (const sink of [${sinksText()}]) for (const { row, pane } of test.take(sink)) console.log(sink, pane.change, JSON.stringify(row))
}
`
}

function sinksText(): string {
  return "...new Set(job.plan.operators.flatMap((o: any) => (o.op === 'sink' ? [o.name] : o.late?.kind === 'sideOutput' ? [o.late.name] : o.findingsTo ?? [])))"
}

function programText(language: NodeProgram['language'], text: string): string {
  if (language === 'plan') return `import { fromPlan } from 'millrace'\n\nconst job = fromPlan(${planText(JSON.parse(text))})`
  return text.trimEnd().replace(/^export default /m, 'const job = ')
}

/** An entry as the harness gets it: moments are milliseconds. */
function entryText(entry: Entry, times: readonly string[], hasSplits: boolean): string {
  switch (entry.kind) {
    case 'record': {
      const cells = Object.entries(entry.row).map(([name, cell]) => {
        const value = times.includes(name) ? (momentOf(cell) ?? cell) : cell
        return `${/^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name)}: ${JSON.stringify(value)}`
      })
      const row = `{ ${cells.join(', ')} }`
      return hasSplits ? `{ split: ${entry.split}, row: ${row} }` : `{ row: ${row} }`
    }
    case 'clock':
      return `{ clock: ${JSON.stringify(entry.by)} }`
    case 'watermark':
      return `{ watermark: ${momentOf(entry.to)} }`
    default: {
      const never: never = entry
      throw new RangeError(String(never))
    }
  }
}

function bodyOf(entries: readonly Entry[], hasSplits: boolean): string {
  const kinds = new Set(entries.map(({ kind }) => kind))
  const push = hasSplits ? 'await test.pushToSplit({ split: entry.split }, entry.row)' : 'await test.push(entry.row)'
  if (kinds.size <= 1 && (kinds.size === 0 || kinds.has('record'))) return `  ${push}`
  return [
    '  if (entry.row) ' + push,
    ...(kinds.has('clock') ? ['  if (entry.clock) await test.advanceTime(entry.clock)'] : []),
    ...(kinds.has('watermark') ? ['  if (entry.watermark !== undefined) await test.advanceWatermark(entry.watermark)'] : []),
  ].join('\n')
}
