/** A job in Node, by the built package: prints as JSON what the page's results must equal. `node expected.ts JOB PARALLELISM` */

import { type JobName, runJob } from './jobs.ts'

const [name, parallelism] = process.argv.slice(2) as [JobName, string]
const { sinks } = await runJob(name, { host: 'inline', parallelism: Number(parallelism) })
console.log(JSON.stringify(sinks))
