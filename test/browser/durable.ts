/** A job whose checkpoints and results lie in the storage of the browser; killed and started again, its results must be those of an undisturbed run. */

import { type BatchBuilder, collectSink, rowsSource, type Source, type SourceContext, type SplitPosition, start } from 'millrace'
import { indexedDbCheckpoints, indexedDbSink } from 'millrace/browser'
import { opfsStore } from '../../adapters/opfs-store.ts'
import { fleetJob, fleetRows } from '../support/fleet-pipeline.ts'

/** Slots that the next worker uses, and not one two minutes later. */
const SOON_SETTLED = { run: crypto.randomUUID(), slotBytes: 8 << 20, settleMs: 0 }

export interface DurableOptions {
  readonly name: string
  readonly kind: 'indexeddb' | 'opfs'
  readonly rowCount: number
  readonly parallelism: number
  readonly host: 'auto' | 'inline'
}

export type DurableAnswer =
  | { readonly restored: boolean; readonly checkpoints: number }
  | { readonly code: string; readonly message: string }

/** Runs until the input is at its end. */
export async function runDurable({ name, kind, rowCount, parallelism, host }: DurableOptions): Promise<DurableAnswer> {
  const store = storeOf(name, kind)
  const restored = (await (await store.inspect()).generations()).length > 0
  try {
    const run = await start(fleetJob(), {
      sources: { readings: slowly(rowsSource(fleetRows(rowCount))) },
      sinks: {
        minutes: indexedDbSink({ database: name, store: 'minutes', key: null }),
        late: indexedDbSink({ database: name, store: 'late', key: null }),
      },
      parallelism,
      host,
      checkpoints: { store, every: '10ms' },
      onWarning: () => {},
    })
    const status = await run.finished
    return { restored, checkpoints: status.checkpoints.count }
  } catch (error) {
    const { code, message } = error as { code?: string; message: string }
    return { code: code ?? 'UNEXPECTED', message }
  }
}

function storeOf(name: string, kind: DurableOptions['kind']) {
  const options = { leadership: 'wait', stealAfter: '3s' } as const
  return kind === 'indexeddb' ? indexedDbCheckpoints(name, options) : opfsStore(name, options, SOON_SETTLED)
}

/** Gives the space back: slots reserve it. */
export async function removeDurable({ name, kind }: DurableOptions): Promise<void> {
  await storeOf(name, kind).destroy()
}

/** The rows of an undisturbed run. */
export async function goldenRows(rowCount: number): Promise<{ readonly minutes: readonly unknown[]; readonly late: readonly unknown[] }> {
  const [minutes, late] = [collectSink(), collectSink()]
  const run = await start(fleetJob(), { sources: { readings: rowsSource(fleetRows(rowCount)) }, sinks: { minutes, late }, host: 'inline' })
  await run.finished
  return { minutes: minutes.rows, late: late.rows }
}

/** A few rows every few milliseconds, so that there is time for many checkpoints, and for death at any moment of them. */
function slowly(source: Source): Source {
  const splits = async (context: SourceContext) =>
    (await source.splits(context)).map(({ splitId, open }) => ({
      splitId,
      open: async (position: SplitPosition | null) => {
        const reader = await open(position)
        const read = async (builder: BatchBuilder, rowsMax: number) => {
          await new Promise((resolve) => setTimeout(resolve, 4))
          return await reader.read(builder, Math.min(rowsMax, 200))
        }
        return { ...reader, read }
      },
    }))
  return { ...source, splits }
}
