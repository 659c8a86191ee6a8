/** A thread of Node that serves the job of served-job.ts, with checkpoints in a directory if it is told one. */

import { fileCheckpoints } from 'millrace/node'
import { serve, type ServeContext } from 'millrace/worker'
import { servedJob, servedOptions, type ServedParameters } from './served-job.ts'

serve(servedJob, ({ parameters }: ServeContext<ServedParameters & { readonly directory?: string }>) => {
  const { directory } = parameters
  return servedOptions(parameters, directory === undefined ? null : fileCheckpoints(directory), () => process.exit())
})
