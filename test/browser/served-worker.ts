/** A worker of the page that serves the job of served-job.ts; its checkpoints live as long as it does. */

import { memoryCheckpoints } from 'millrace/browser'
import { serve, type ServeContext } from 'millrace/worker'
import { servedJob, servedOptions, type ServedParameters } from '../support/served-job.ts'

const store = memoryCheckpoints()
serve(servedJob, ({ parameters }: ServeContext<ServedParameters>) => servedOptions(parameters, store, () => self.close()))
