/**
 * A job that tests run in a worker: the page says by parameters where its rows come from, and what goes wrong.
 *
 * Before: an entry of a worker (a thread of Node, a worker of a page) serves it. After: the test at the other end.
 */

import {
  type CheckpointStore,
  callbackSink,
  count,
  f64,
  iterableSource,
  manual,
  max,
  pipeline,
  rowsSource,
  schema,
  type Source,
  type StartOptions,
  timestamp,
  tumbling,
  utf8,
  viewSink,
} from 'millrace'

export const servedJob = pipeline('served')
  .source('readings', schema({ device: utf8(), at: timestamp(), celsius: f64() }))
  .eventTime('at', manual())
  .keyBy('device')
  .window(tumbling('10s'))
  .allowedLateness('1h')
  .lateTo('late')
  .aggregate({ n: count(), max: max('celsius') })
  .sink('windows')

export interface ServedParameters {
  /** Rows that are there; else they come by the port. */
  readonly rows?: readonly object[]
  /** When the rows have been read nothing more comes, instead of an end. */
  readonly isEndless?: boolean
  /** Lists of rows come here; null ends them. */
  readonly port?: MessagePort
  /** Says what goes wrong: a worker that stands still, or that is gone. */
  readonly faults?: MessagePort
  /** What goes wrong by itself: options that throw, a worker that is gone before its job has started, a sink that throws. */
  readonly fault?: 'options' | 'exit' | 'sink'
  readonly parallelism?: number
  readonly rowsMax?: number
  readonly host?: 'auto' | 'inline' | 'workers'
}

/** @param exit - Ends this worker without a word. */
export function servedOptions(
  parameters: ServedParameters,
  store: CheckpointStore | null,
  exit: () => void,
): StartOptions<typeof servedJob> {
  const { rows = [], isEndless = false, port, faults, fault } = parameters
  if (faults !== undefined) {
    faults.onmessage = ({ data }) => {
      if (data === 'exit') exit()
      for (;;);
    }
  }
  if (fault === 'options') throw new TypeError('no options today')
  if (fault === 'exit') exit()
  const source = port === undefined ? rowsSource(rows) : iterableSource(rowsOf(port))
  return {
    sources: { readings: isEndless ? endless(source) : source },
    sinks: {
      windows: viewSink({ rowsMax: parameters.rowsMax ?? 1_000 }),
      late: callbackSink(() => {
        if (fault === 'sink') throw new TypeError('the sink is full')
      }),
    },
    ...(store === null ? {} : { checkpoints: { store, every: '20ms' } }),
    parallelism: parameters.parallelism ?? 1,
    host: parameters.host ?? 'inline',
    onWarning: () => {},
  }
}

/** A source that has nothing more instead of ending. */
function endless(source: Source): Source {
  return {
    ...source,
    isBounded: false,
    async splits(context) {
      const splits = await source.splits(context)
      return splits.map((split) => ({
        splitId: split.splitId,
        async open(position) {
          const reader = await split.open(position)
          let isRead = false
          return {
            ...reader,
            async read(builder, rowsMax) {
              if (isRead) return 'idle'
              const result = await reader.read(builder, rowsMax)
              isRead = result === 'end'
              return isRead ? 'idle' : result
            },
            ready: () => (isRead ? new Promise(() => {}) : Promise.resolve()),
          }
        },
      }))
    },
  }
}

async function* rowsOf(port: MessagePort): AsyncGenerator<object> {
  const queue: (readonly object[] | null)[] = []
  let wake = () => {}
  port.onmessage = ({ data }: MessageEvent<readonly object[] | null>) => {
    queue.push(data)
    wake()
  }
  for (;;) {
    const rows = queue.shift()
    if (rows === null) return port.close()
    if (rows !== undefined) yield* rows
    else await new Promise<void>((resolve) => (wake = resolve))
  }
}
