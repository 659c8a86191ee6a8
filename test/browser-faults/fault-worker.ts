/** The job under faults in a worker of its own. */

import { serve, type ServeContext } from 'millrace/worker'
import { faultJob } from './fault-jobs.ts'
import type { FaultOptions, FaultSource } from './fault-options.ts'
import { faultStart } from './fault-start.ts'

const source = new URLSearchParams(location.search).get('source') as FaultSource
serve(faultJob(source), ({ parameters }: ServeContext<FaultOptions>) => faultStart(parameters))
