/** The job under faults in a worker of its own. */

import { serve, type ServeContext } from 'millrace/worker'
import { faultJob, faultStart } from './fault-job.ts'
import type { FaultOptions } from './fault-options.ts'

serve(faultJob, ({ parameters }: ServeContext<FaultOptions>) => faultStart(parameters))
