/** The conformance cases, given as data, in workerd: `POST /` with the files by their paths answers what came of each case. */

import { type CaseOutcome, runCases } from '../../conformance/runner.ts'

export default {
  async fetch(request: Request): Promise<Response> {
    const files = new Map(Object.entries((await request.json()) as Record<string, string>))
    const outcomes: CaseOutcome[] = []
    for await (const outcome of runCases(files)) outcomes.push(outcome)
    return Response.json(outcomes)
  },
}
