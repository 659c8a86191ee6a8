/** A kernel worker that goes silent when it is told `hang`: its thread is there, and never looks up again. */

import { parentPort } from 'node:worker_threads'
import '../../runtime/host/node-kernel-worker-entry.ts'

parentPort!.on('message', (message: unknown) => {
  // oxlint-disable-next-line no-constant-condition -- that is what it is for
  if (message === 'hang') for (;;);
})
