/**
 * Defects that the simulation must find, each put in from outside: around the source, the sink or the store, over a method of a class
 * (runtime-defects.ts), or within the kernel (kernel-defects.ts).
 *
 * Before: simulation.test.ts gives one of them to simulate.ts. After: a seed on which the laws are broken.
 * A harness that does not find these would not find their like in the product.
 *
 * Invariant: `install` returns what takes the defect out again, and the run without faults never has it.
 */

import type { CheckpointSession, CheckpointStore } from '../../runtime/checkpoint/checkpoint-store.ts'
import { seal, unseal } from '../../runtime/checkpoint/envelope.ts'
import { decodeManifest, encodeManifest, type Manifest } from '../../runtime/checkpoint/manifest.ts'
import type { RecordBatch } from '../../runtime/record-batch.ts'
import { paneOf } from '../../runtime/sink/pane.ts'
import type { Sink, SinkWriter } from '../../runtime/sink/sink.ts'
import type { Source, SplitPosition, SplitReader } from '../../runtime/source/source.ts'
import { changedReaders } from '../support/changed-readers.ts'
import { KERNEL_DEFECTS } from './kernel-defects.ts'
import { mutantOf } from './kernel-mutants.ts'
import { forgottenWatermarkBug, hostBug, lateBarrierBug, overtakingWatermarkBug, staleSnapshots } from './runtime-defects.ts'
import { lineOf, type SinkDisk } from './sim-sink.ts'
import type { SimStore } from './sim-store.ts'
import type { Life } from './world.ts'

export interface PlantedBug {
  readonly name: string
  source?(source: Source, life: Life): Source
  sink?(sink: Sink, disk: SinkDisk, life: Life): Sink
  store?(store: CheckpointStore, shared: SimStore, life: Life): CheckpointStore
  /** Before the first `install`. */
  prepare?(): Promise<void>
  install?(): () => void
}

export const PLANTED_BUGS: readonly PlantedBug[] = [
  {
    name: 'the sink commits what it prepares, before the manifest',
    sink: writerBug((writer) => ({ prepare: (id) => writer.prepare(id).then((state) => writer.commit(id).then(() => state)) })),
  },
  {
    name: 'the sink commits every write at once',
    sink: (sink, disk) =>
      writerBug(() => ({ write: (batch) => void disk.parts.push({ lines: linesOf(batch), isCommitted: true }) }))(sink, disk),
  },
  {
    name: 'a recovered sink transaction is dropped',
    sink: (sink, disk) => ({
      ...sink,
      open(context) {
        disk.parts = disk.parts.filter(({ isCommitted }) => isCommitted)
        return sink.open(context)
      },
    }),
  },
  {
    name: 'a recovered sink is opened as if it were new',
    sink: (sink) => ({ ...sink, open: (context) => sink.open({ ...context, restored: null }) }),
  },
  { name: 'commit never happens', sink: writerBug(() => ({ commit: () => Promise.resolve() })) },
  { name: 'the last row before a barrier is prepared with the next checkpoint', sink: lateRowBug },
  { name: 'finish is forgotten', sink: writerBug(() => ({ finish: () => Promise.resolve() })) },
  { name: 'the position is one row too far', source: positionBug((at, max) => Math.min(at + 1, max)) },
  { name: 'the position is one row short', source: positionBug((at) => Math.max(at - 1, 0)) },
  {
    name: 'the position is taken when the manifest is written, not at the barrier',
    source: readerBug((reader) => ({
      position: () => {
        void reader.position()
        return {
          get row() {
            return Number(reader.position()['row'])
          },
        }
      },
    })),
  },
  {
    name: 'the source begins anew after a restart',
    source: (source) => ({
      ...source,
      splits: async (context) => (await source.splits(context)).map((split) => ({ ...split, open: () => split.open(null) })),
    }),
  },
  {
    name: 'the largest event time of a split is not restored',
    store: manifestBug((manifest) => eachSplit(manifest, (split) => ({ ...split, maxMs: mapValues(split.maxMs, () => null) }))),
  },
  {
    name: 'the largest event time of a split is restored one late',
    store: manifestBug((manifest) =>
      eachSplit(manifest, (split) => ({ ...split, maxMs: mapValues(split.maxMs, (ms) => (ms === null ? null : ms + 1)) })),
    ),
  },
  {
    name: 'the number of records read is not restored',
    store: manifestBug((manifest) => eachSplit(manifest, (split) => ({ ...split, recordCount: 0 }))),
  },
  { name: 'whose turn it is, is not restored', store: manifestBug((manifest) => eachSource(manifest, (state) => ({ ...state, turn: 0 }))) },
  {
    name: 'the count of filtered records begins anew',
    store: manifestBug((manifest) => eachSource(manifest, (state) => ({ ...state, counts: { ...state.counts, filtered: 0 } }))),
  },
  {
    name: 'late records before a restart are counted twice',
    store: manifestBug((manifest) => ({
      ...manifest,
      counters: mapValues(manifest.counters, (value, name) => (name.endsWith('lateDropped') ? value * 2 : value)),
    })),
  },
  {
    name: 'state of the last subtask is not restored',
    store: manifestBug((manifest) => ({
      ...manifest,
      operators: mapValues(manifest.operators, ({ subtasks }) => ({ subtasks: [...subtasks.slice(0, -1), { chunks: [] }] })),
    })),
  },
  {
    name: 'a chunk of the state is lost without a word',
    store: manifestBug((manifest) => ({
      ...manifest,
      operators: mapValues(manifest.operators, ({ subtasks }) => ({
        subtasks: subtasks.map(({ chunks }) => ({ chunks: chunks.slice(0, Math.max(1, chunks.length - 1)) })),
      })),
    })),
  },
  { name: 'state is restored from the checkpoint before', store: mixedGenerationsBug },
  {
    name: 'the newest checkpoint is passed over',
    store: sessionBug((session) => ({ generations: async () => (await session.generations()).slice(1) })),
  },
  { name: 'a checkpoint is acknowledged before it is written', store: earlyAcknowledgeBug },
  {
    name: 'a failed commit is taken for a complete one',
    store: sessionBug((session) => ({ commit: (...args) => session.commit(...args).catch(() => {}) })),
  },
  { name: 'the store does not compare epochs', store: unfencedBug },
  { name: 'a barrier comes one slot late', install: lateBarrierBug },
  {
    name: 'operators before the division by key begin anew',
    store: manifestBug((manifest) => ({
      ...manifest,
      operators: mapValues(manifest.operators, (state, name) => (name.startsWith('stage-') ? { subtasks: [] } : state)),
    })),
  },
  { name: 'a sorter forgets how far event time had come', install: forgottenWatermarkBug },
  { name: 'a watermark overtakes the rows that it releases', install: overtakingWatermarkBug },
  { name: 'a subtask hands over the snapshot of the checkpoint before', install: () => hostBug(staleSnapshots) },
  {
    name: 'subtasks get the state of their neighbours',
    install: () =>
      hostBug((start) => ({ ...start, restore: start.restore.map((subtasks) => [...subtasks.slice(1), ...subtasks.slice(0, 1)]) })),
  },
  {
    name: 'only the first section of a snapshot is restored',
    install: () =>
      hostBug((start) => ({ ...start, restore: start.restore.map((subtasks) => subtasks.map((sections) => sections.slice(0, 1))) })),
  },
  { name: 'a result that is taken back is taken back twice', sink: twiceTakenBackBug },
  ...Object.entries(KERNEL_DEFECTS).map(([name, mutation]) => ({ name, ...mutantOf(mutation) })),
]

function linesOf(batch: RecordBatch): string[] {
  return Array.from({ length: batch.rowCount }, (_, row) => lineOf(batch, row))
}

function writerBug(change: (writer: SinkWriter) => Partial<SinkWriter>): (sink: Sink, disk: SinkDisk) => Sink {
  return (sink) => ({
    ...sink,
    async open(context) {
      const writer = await sink.open(context)
      return { ...writer, ...change(writer) }
    },
  })
}

/** Holds the newest batch back until the next write or the end. */
function lateRowBug(sink: Sink, disk: SinkDisk): Sink {
  return writerBug((writer) => {
    let held: string[] = []
    return {
      write(batch) {
        if (held.length > 0) disk.parts.push({ lines: held, isCommitted: true })
        held = []
        if (batch.rowCount === 1) held = linesOf(batch)
        else return writer.write(batch)
      },
      finish() {
        if (held.length > 0) disk.parts.push({ lines: held, isCommitted: true })
        return writer.finish()
      },
    }
  })(sink, disk)
}

/** After a restart only: writes again what was taken back last. */
function twiceTakenBackBug(sink: Sink, disk: SinkDisk): Sink {
  return {
    ...sink,
    async open(context) {
      const writer = await sink.open(context)
      let isFirst = context.restored !== null
      return {
        ...writer,
        write(batch) {
          const wasFirst = isFirst
          const rows = Array.from({ length: batch.rowCount }, (_, row) => row)
          const takenBack = rows.filter((row) => paneOf(batch, row).change === '-U')
          if (takenBack.length > 0) isFirst = false
          if (wasFirst) for (const row of takenBack) disk.parts.push({ lines: [lineOf(batch, row)], isCommitted: true })
          return writer.write(batch)
        },
      }
    },
  }
}

function readerBug(change: (reader: SplitReader) => Partial<SplitReader>): (source: Source) => Source {
  return (source) => changedReaders(source, change)
}

function positionBug(change: (at: number, max: number) => number): (source: Source) => Source {
  return readerBug((reader) => ({
    position: (): SplitPosition => ({ row: change(Number(reader.position()['row']), reader.progress()!.total) }),
  }))
}

function sessionBug(change: (session: CheckpointSession) => Partial<CheckpointSession>): (store: CheckpointStore) => CheckpointStore {
  return (store) => ({
    ...store,
    async open(jobName) {
      const session = await store.open(jobName)
      return { ...session, ...change(session) }
    },
  })
}

/** Changes what a restart reads, with frames and checksums in order. */
function manifestBug(change: (manifest: Manifest) => Manifest): (store: CheckpointStore) => CheckpointStore {
  return sessionBug((session) => ({
    async readManifest(generation) {
      const bytes = await session.readManifest(generation)
      if (bytes === null) return null
      const payload = await unseal('manifest', bytes).catch(() => null)
      return payload === null ? bytes : seal('manifest', encodeManifest(change(decodeManifest(payload))))
    },
  }))
}

interface SourceState {
  readonly turn: number
  readonly counts: { readonly filtered: number; readonly deadLetters: number }
  readonly splits: Readonly<Record<string, { readonly recordCount: number; readonly maxMs: Readonly<Record<string, number | null>> }>>
}

function mapValues<T, U>(record: Readonly<Record<string, T>>, map: (value: T, name: string) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, map(value, name)]))
}

function eachSource(manifest: Manifest, change: (state: SourceState) => SourceState): Manifest {
  return { ...manifest, sources: mapValues(manifest.sources, (state) => change(state as SourceState)) }
}

function eachSplit(manifest: Manifest, change: (split: SourceState['splits'][string]) => SourceState['splits'][string]): Manifest {
  return eachSource(manifest, (state) => ({ ...state, splits: mapValues(state.splits, change) }))
}

/** Positions and sinks of the newest checkpoint with the state of the one before. */
function mixedGenerationsBug(store: CheckpointStore): CheckpointStore {
  return sessionBug((session) => ({
    async readManifest(generation) {
      const bytes = await session.readManifest(generation)
      const generations = await session.generations()
      const older =
        generations[
          generations.findIndex(({ epoch, checkpointId }) => epoch === generation.epoch && checkpointId === generation.checkpointId) + 1
        ]
      const olderBytes = older === undefined ? null : await session.readManifest(older)
      if (bytes === null || olderBytes === null) return bytes
      try {
        const { operators } = decodeManifest(await unseal('manifest', olderBytes))
        return await seal('manifest', encodeManifest({ ...decodeManifest(await unseal('manifest', bytes)), operators }))
      } catch {
        return bytes
      }
    },
  }))(store)
}

function earlyAcknowledgeBug(store: CheckpointStore, shared: SimStore, life: Life): CheckpointStore {
  return sessionBug((session) => ({
    commit(checkpointId, manifest, chunks) {
      life.clock
        .sleep(20)
        .then(() => session.commit(checkpointId, manifest, chunks))
        .catch(() => {})
      shared.acknowledged = { epoch: session.epoch, checkpointId }
      life.phase = 'written'
      return Promise.resolve()
    },
  }))(store)
}

/** Every commit is made in the session that was opened last. */
function unfencedBug(store: CheckpointStore, shared: SimStore): CheckpointStore {
  const newest = shared as SimStore & { newestSession?: CheckpointSession }
  return {
    ...store,
    async open(jobName) {
      const session = await store.open(jobName)
      newest.newestSession = session
      return {
        ...session,
        writeChunk: (...args) => newest.newestSession!.writeChunk(...args),
        async commit(checkpointId, manifest, chunks) {
          const current = newest.newestSession!
          const own = decodeManifest(await unseal('manifest', manifest))
          await current.commit(
            checkpointId + (current === session ? 0 : 1_000),
            await seal(
              'manifest',
              encodeManifest({ ...own, epoch: current.epoch, checkpointId: checkpointId + (current === session ? 0 : 1_000) }),
            ),
            chunks,
          )
        },
      }
    },
  }
}
