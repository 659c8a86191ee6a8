/** Jobs on the sources of the browser, in a worker: told a kind and an address, it posts rows and counts. */

import { runSource, type SourceRequest } from './sources.ts'

globalThis.onmessage = (event: MessageEvent<SourceRequest>) => {
  runSource(event.data).then(
    (result) => globalThis.postMessage(result),
    (error: unknown) => globalThis.postMessage({ error: String(error) }),
  )
}
