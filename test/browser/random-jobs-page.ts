/** Random jobs in the page. */

import { runRandomJobs } from './random-jobs.ts'

Object.assign(globalThis, { runRandomJobs })
