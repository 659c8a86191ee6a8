/** `npm run soak -- [--minutes 10] [--every 10] [--host workers|inline] [--parallelism 2] [--strings 131072]`: prints the curve of memory; ends with 1 if the second half grows. */

import process from 'node:process'
import { chartOf, MEASURES, mib, TABLE_HEAD, tableLine, verdictsOf } from './curve.ts'
import { soak } from './soak.ts'

function option(name: string, fallback: string): string {
  const at = process.argv.indexOf(`--${name}`)
  return at < 0 ? fallback : (process.argv[at + 1] ?? fallback)
}

const minutes = Number(option('minutes', '10'))
const everySeconds = Number(option('every', String(Math.max(1, Math.min(10, minutes)))))
const parallelism = Number(option('parallelism', '2'))
const stringsMax = Number(option('strings', '131072'))
const host = option('host', 'workers') === 'inline' ? 'inline' : 'workers'
if (!(minutes > 0) || !(everySeconds > 0)) throw new RangeError('--minutes and --every must be positive numbers')

console.log(`soak: ${minutes} minutes on ${host}, parallelism ${parallelism}\n${TABLE_HEAD}`)
const { samples, rows, results, late, checkpoints } = await soak({
  seconds: minutes * 60,
  everySeconds,
  host,
  parallelism,
  stringsMax,
  onSample: (sample) => console.log(tableLine(sample)),
})
for (const measure of MEASURES) console.log(`\n${chartOf(samples, measure)}`)
console.log(`\n${rows} rows, ${late} late, ${results} results, ${checkpoints} checkpoints`)
const verdicts = verdictsOf(samples)
for (const { measure, thirdQuarter, lastQuarter, isBounded } of verdicts)
  console.log(`${isBounded ? 'bounded' : 'GROWS'}  ${measure}: ${mib(thirdQuarter)} in the third quarter, ${mib(lastQuarter)} in the last`)
process.exitCode = verdicts.every(({ isBounded }) => isBounded) ? 0 : 1
