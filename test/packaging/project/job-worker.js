/** A worker of the user that runs the whole job. */

import { rowsSource, viewSink } from 'millrace'
import { memoryCheckpoints } from 'millrace/browser'
import { serve } from 'millrace/worker'
import { served, servedRows } from './served.ts'

serve(served, () => ({
  sources: { readings: rowsSource(servedRows()) },
  sinks: { minutes: viewSink() },
  checkpoints: { store: memoryCheckpoints(), every: '50ms' },
  parallelism: 2,
}))
