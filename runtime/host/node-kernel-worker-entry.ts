/** Entry of a worker thread in Node, Deno and Bun. */

import { parentPort } from 'node:worker_threads'
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs'
import { systemClock } from '../clock.ts'
import { serve } from './kernel-service.ts'

serve(nodeEndpoint(parentPort), systemClock)
