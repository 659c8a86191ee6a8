/** `npm run simulate -- [--seeds N] [--seed S]`: any number of seeds, or one again. Ends with the situations seen and the failing seeds. */

import process from 'node:process'
import { simulate } from './simulate.ts'
import { SITUATIONS } from './world.ts'

function option(name: string, fallback: number): number {
  const at = process.argv.indexOf(`--${name}`)
  if (at < 0) return fallback
  const value = Number(process.argv[at + 1])
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`--${name} must be a whole number`)
  return value
}

const only = option('seed', -1)
const seedCount = only >= 0 ? 1 : option('seeds', 200)
const first = only >= 0 ? only : option('from', 1)
const begunMs = performance.now()
const seen = new Map<string, number>()
const failed: number[] = []
let lives = 0
for (let seed = first; seed < first + seedCount; seed++) {
  const result = await simulate(seed)
  lives += result.lives
  for (const [situation, count] of result.seen) seen.set(situation, (seen.get(situation) ?? 0) + count)
  if (result.violations.length > 0) {
    failed.push(seed)
    console.log(
      `seed ${seed} (${result.lives} lives, trace ${result.traceHash}): ${result.violations.slice(0, 3).join('\n  ')}\n` +
        `  replay: npm run simulate -- --seed ${seed}`,
    )
  } else if (only >= 0) console.log(`seed ${seed}: ${result.lives} lives, trace ${result.traceHash}`)
  if ((seed - first + 1) % 1_000 === 0)
    console.log(
      `${seed - first + 1} seeds, ${lives} lives, ${failed.length} failed, ${Math.round((performance.now() - begunMs) / 1_000)} s`,
    )
}
console.log(SITUATIONS.map((situation) => `${String(seen.get(situation) ?? 0).padStart(9)}  ${situation}`).join('\n'))
console.log(`${seedCount} seeds, ${lives} lives, ${failed.length} failed, ${((performance.now() - begunMs) / 1_000).toFixed(1)} s`)
process.exitCode = failed.length === 0 ? 0 : 1
