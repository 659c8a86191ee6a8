/** The durable job in a dedicated worker. */

import { type DurableOptions, runDurable } from './durable.ts'

globalThis.addEventListener(
  'message',
  ({ data }: MessageEvent<DurableOptions>) => void runDurable(data).then((answer) => postMessage(answer)),
)
