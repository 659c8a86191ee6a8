/** The random jobs in Node, inline: prints as JSON what pages must equal. `node random-jobs-expected.ts FROM COUNT` */

import process from 'node:process'
import { runRandomJobs } from './random-jobs.ts'

const [from, count] = process.argv.slice(2).map(Number) as [number, number]
console.log(JSON.stringify(await runRandomJobs({ from, count, hosts: ['inline', 'inline'] })))
