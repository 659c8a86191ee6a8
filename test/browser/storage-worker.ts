/** The commands of storage-commands.ts, in a dedicated worker. */

import { type CommandName, obey } from './storage-commands.ts'

globalThis.addEventListener('message', ({ data }: MessageEvent<{ id: number; name: CommandName; args: unknown[] }>) => {
  void obey(data.name, data.args).then((answer) => postMessage({ id: data.id, answer }))
})
