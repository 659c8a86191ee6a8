/** A job of the browser's proof with checkpoints on disk, in the runtime that runs this: `JOB HOST PARALLELISM DIRECTORY`. Prints its result as JSON. */

import process from 'node:process'
import { fileCheckpoints } from 'millrace/node'
import { type JobName, type RunOptions, runJob } from '../browser/jobs.ts'

const [name, host, parallelism, directory] = process.argv.slice(2) as [JobName, RunOptions['host'], string, string]
const result = await runJob(name, { host, parallelism: Number(parallelism), store: fileCheckpoints(directory) })
console.log(JSON.stringify(result))
