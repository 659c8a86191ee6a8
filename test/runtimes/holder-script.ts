/** Claims the checkpoints of a directory and holds them: prints the epoch, or the code of the error that refuses it. `DIRECTORY` */

import { writeSync } from 'node:fs'
import process from 'node:process'
import { MillraceError } from 'millrace'
import { fileCheckpoints } from 'millrace/node'

try {
  const session = await fileCheckpoints(process.argv[2]!).open('held')
  writeSync(1, `epoch ${session.epoch}\n`)
  // Until it is killed.
  setInterval(() => {}, 1_000)
} catch (error) {
  writeSync(1, `${error instanceof MillraceError ? error.code : String(error)}\n`)
}
