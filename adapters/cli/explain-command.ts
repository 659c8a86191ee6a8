/**
 * `millrace explain`: what a plan does, as text, as a Mermaid flowchart, or as JSON.
 *
 * Before: main. After: `explain` of the public API.
 */

import process from 'node:process'
import { ConfigError, explain, fingerprint } from '../../runtime/index.ts'
import { Arguments } from './arguments.ts'
import { readPlan } from './plan-file.ts'

export async function runExplain(args: readonly string[]): Promise<number> {
  const given = Arguments.parse(args, 'explain', ['PLAN.json'], { mermaid: 'flag', json: 'flag' })
  if (given.has('mermaid') && given.has('json'))
    throw new ConfigError('OPTION_INVALID', '--mermaid and --json exclude each other; the JSON has the flowchart in it')
  const { plan } = await readPlan(given.positionals[0]!)
  const { text, mermaid } = explain(plan)
  if (given.has('json')) process.stdout.write(`${JSON.stringify({ type: 'plan', fingerprint: await fingerprint(plan), plan, mermaid })}\n`)
  else if (given.has('mermaid')) process.stdout.write(mermaid)
  else process.stdout.write(`${text}\n${DELIVERY}Mermaid\n${mermaid.trimEnd().replace(/^/gm, '    ')}\n`)
  return 0
}

/** A plan does not know its files: what can be said of delivery before they are bound. */
const DELIVERY = `    No source or sink is bound yet. With --checkpoints, files read and written are exactly once;
    standard input cannot be read again after a crash, standard output is at least once.

`
