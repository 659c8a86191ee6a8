/** The conformance cases, given as data, in workerd: `POST /` with lists of cases and the files they name. */

import type { Case } from '../../conformance/case.ts'
import { type CaseOutcome, runCase } from '../../conformance/runner.ts'
import { rowsSource } from '../../../runtime/source/rows-source.ts'

interface CaseRequest {
  readonly cases: readonly Case[]
  /** Texts by path. */
  readonly files: Readonly<Record<string, string>>
}

function rowsOf(text: string, schema: Readonly<Record<string, string>>): object[] {
  const [header, ...lines] = text.trimEnd().split(/\r?\n/)
  if (text.includes('"')) throw new Error('This reader of CSV knows no quotes')
  const names = header!.split(',')
  return lines.map((line) => {
    const cells = line.split(',')
    return Object.fromEntries(
      Object.entries(schema).map(([name, type]) => {
        const cell = cells[names.indexOf(name)]!
        return [name, type === 'utf8' ? cell : Number(cell)]
      }),
    )
  })
}

export default {
  async fetch(request: Request): Promise<Response> {
    const { cases, files } = (await request.json()) as CaseRequest
    const outcomes: CaseOutcome[] = []
    for (const test of cases) {
      outcomes.push(await runCase(test, { text: (path) => files[path]!, csv: (path, schema) => rowsSource(rowsOf(files[path]!, schema)) }))
    }
    return Response.json(outcomes)
  },
}
