/**
 * An exactly-once sink into the ledger: `prepare` sends the rows, `commit` makes them count.
 *
 * Before: outlets. After: ledger.ts, over HTTP. While the network is away it tries again; every call may be repeated without a second effect.
 */

import { ConnectorError, type RecordBatch, type Sink, type SinkWriter } from 'millrace'
import type { LedgerAnswer, LedgerCall } from './ledger.ts'

const RETRY_MS = 50
/** An answer under way when Chromium freezes a tab is sometimes never there after it is thawed. */
const ANSWER_MS = 5_000

/** A result as a line that differs whenever its row, its pane or its sink differs. */
export function lineOf(sink: string, batch: RecordBatch, row: number): string {
  const { panes } = batch
  const pane = panes === null ? null : [panes.index[row], panes.timing[row], panes.change[row], panes.isLast[row]]
  return JSON.stringify({ sink, row: batch.row(row), pane })
}

export function ledgerSink(runId: string, sink: string): Sink {
  return {
    kind: 'ledger',
    delivery: 'exactly-once',
    async open({ epoch, restored, clock }) {
      let isClosed = false
      const call = async (body: LedgerCall): Promise<number> => {
        for (;;) {
          const sent = { method: 'POST', body: JSON.stringify(body), signal: AbortSignal.timeout(ANSWER_MS) }
          const answer = await fetch(`/ledger/${runId}/${sink}`, sent)
            .then((response) => (response.ok ? (response.json() as Promise<LedgerAnswer>) : null))
            .catch(() => null)
          if (answer !== null) {
            if (answer.kind === 'done') return answer.part
            const code = answer.why === 'fenced' ? 'LEDGER_FENCED' : 'LEDGER_AHEAD'
            throw new ConnectorError(code, `The ledger refuses to ${body.kind} for epoch ${epoch}: ${answer.why}`)
          }
          if (isClosed) throw new ConnectorError('LEDGER_CLOSED', 'The ledger was closed while it was out of reach')
          await clock.sleep(RETRY_MS)
        }
      }
      await call({ kind: 'open', epoch, part: Number(restored?.['part'] ?? 0) })
      let lines: string[] = []
      const partOf = new Map<number, number>()
      const writer: SinkWriter = {
        write(batch) {
          for (let row = 0; row < batch.rowCount; row++) lines.push(lineOf(sink, batch, row))
        },
        async prepare(checkpointId) {
          const part = await call({ kind: 'prepare', epoch, checkpointId, lines: lines.splice(0) })
          partOf.set(checkpointId, part)
          return { part }
        },
        async commit(checkpointId) {
          const part = partOf.get(checkpointId)
          if (part !== undefined) await call({ kind: 'commit', epoch, part })
        },
        finish: () => Promise.resolve(),
        async close() {
          isClosed = true
        },
      }
      return writer
    },
  }
}
