/**
 * A process to be killed in the middle of appends: prints the number behind each append once it is acknowledged.
 *
 * Run: node disk-journal-child.ts DIRECTORY. Prints `open BEGIN END`, then `END` lines; `error CODE` when it must stop.
 * Entry n of a batch that began at b has the text `n of b` and a length that follows from n, so that the parent can tell what is missing or mixed.
 *
 * Invariant: a line is written only after its append has resolved.
 */

import { writeSync } from 'node:fs'
import { fileCheckpoints } from '../../adapters/disk-store.ts'

export function journalEntry(number: number, batchBegin: number): Uint8Array {
  return new TextEncoder().encode(`${number} of ${batchBegin}`.padEnd(20 + ((number * 7919) % 9_000), '.'))
}

async function main(directory: string): Promise<void> {
  try {
    const session = await fileCheckpoints(directory).open('contract')
    const journal = await session.openJournal!('messages')
    writeSync(1, `open ${journal.begin} ${journal.end}\n`)
    for (let round = 0; ; round++) {
      const begin = journal.end
      const count = 1 + (begin % 13)
      await journal.append(Array.from({ length: count }, (_, index) => journalEntry(begin + index, begin)))
      writeSync(1, `${journal.end}\n`)
      if (round % 50 === 49) await journal.trim(Math.max(0, journal.end - 2_000))
    }
  } catch (error) {
    writeSync(1, `error ${(error as { code?: string }).code ?? String(error)}\n`)
  }
}

if (process.argv[1] === import.meta.filename) await main(process.argv[2]!)
