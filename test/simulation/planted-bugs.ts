/**
 * Defects that the simulation must find, each put in from outside: around the source, the sink or the store, or over a method of a class.
 *
 * Before: simulation.test.ts gives one of them to simulate.ts. After: a seed on which the laws are broken.
 * A harness that does not find these would not find their like in the product.
 *
 * Invariant: `install` returns what takes the defect out again, and the run without faults never has it.
 */

import type { CheckpointSession, CheckpointStore } from '../../runtime/checkpoint/checkpoint-store.ts'
import { seal, unseal } from '../../runtime/checkpoint/envelope.ts'
import { decodeManifest, encodeManifest, type Manifest } from '../../runtime/checkpoint/manifest.ts'
import { InlineHost } from '../../runtime/host/inline-host.ts'
import type { HostStart } from '../../runtime/host/host.ts'
import { EventTimeSorter } from '../../runtime/operator/event-time-sorter.ts'
import { SlotWriter } from '../../runtime/ring/slot-writer.ts'
import type { RecordBatch } from '../../runtime/record-batch.ts'
import { paneOf } from '../../runtime/sink/pane.ts'
import type { Sink, SinkWriter } from '../../runtime/sink/sink.ts'
import type { Source, SplitPosition, SplitReader } from '../../runtime/source/source.ts'
import * as L from '../../kernel/layout.ts'
import { type Mutation, mutantOf } from './kernel-mutants.ts'
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

const MUTANTS: Readonly<Record<string, Mutation>> = {
  'windows are not armed again after a restart': {
    file: 'pane/pane-restorer.ts',
    from: 'return armEntry(entry) ? at : exhausted();',
    to: 'return at;',
  },
  'triggers begin anew after a restart': {
    file: 'pane/pane-restorer.ts',
    from: 'memory.copy(entry + ENTRY_TRIGGER, at, triggerCount * 8);',
    to: '',
  },
  'triggers that have finished are revived by a restart': {
    file: 'pane/pane-restorer.ts',
    from: 'store<u32>(entry + ENTRY_FINISHED, load<u32>(at, 72));',
    to: '',
  },
  'a restart forgets that the end of a window has passed': {
    file: 'pane/pane-restorer.ts',
    from: 'store<i32>(entry + ENTRY_FLAGS, load<i32>(at, 68));',
    to: 'store<i32>(entry + ENTRY_FLAGS, load<i32>(at, 68) & ~END_PASSED);',
  },
  'records of windows that keep them are lost in a restart': {
    file: 'pane/pane-restorer.ts',
    from: 'at = restoreList(entry + ENTRY_RECORDS, records, at + 8, end, false);',
    to: 'at = restoreList(entry + ENTRY_RECORDS, records, at + 8, end, false); store<i32>(entry + ENTRY_RECORDS + LIST_COUNT, 0);',
  },
  'the newest record of a key is lost in a restart': {
    file: 'pane/pane-restorer.ts',
    from: 'return restoreList(keyRecords(key), records, entry + KEY_FIELDS, end, true);',
    to: `const list = keyRecords(key);
      const next = restoreList(list, records, entry + KEY_FIELDS, end, true);
      store<i32>(list + LIST_COUNT, max(0, listCount(list) - 1));
      return next;`,
  },
  'windows by count begin to count anew after a restart': {
    file: 'pane/pane-restorer.ts',
    from: 'setKeyCursor(key, cursor);',
    to: '',
  },
  'what was emitted before a restart is never taken back': {
    file: 'pane/pane-restorer.ts',
    from: 'store<i32>(entry + ENTRY_LAST_BYTES, lastBytes);',
    to: 'store<u32>(entry + ENTRY_LAST, 0);',
  },
  'a snapshot counts a pane that was not emitted': {
    file: 'pane/pane-snapshot.ts',
    from: 'store<i32>(to, load<i32>(entry + ENTRY_PANE_INDEX), 64);',
    to: 'store<i32>(to, max(1, load<i32>(entry + ENTRY_PANE_INDEX)), 64);',
  },
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
  ...Object.entries(MUTANTS).map(([name, mutation]) => ({ name, ...mutantOf(mutation) })),
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
  return (source) => ({
    ...source,
    splits: async (context) =>
      (await source.splits(context)).map((split) => ({
        ...split,
        async open(position) {
          const reader = await split.open(position)
          return { ...reader, ...change(reader) }
        },
      })),
  })
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

/** A ring's first barrier is written behind what follows it. */
function lateBarrierBug(): () => void {
  const { writeControl, writeRows } = SlotWriter.prototype
  const held = new WeakMap<SlotWriter, number>()
  const isOver = new WeakSet<SlotWriter>()
  SlotWriter.prototype.writeControl = function lateControl(kind, watermarkMs, checkpointId) {
    if (kind === L.SLOT_BARRIER && !isOver.has(this)) {
      isOver.add(this)
      held.set(this, checkpointId)
      return true
    }
    const isWritten = writeControl.call(this, kind, watermarkMs, checkpointId)
    release(this)
    return isWritten
  }
  SlotWriter.prototype.writeRows = function lateRows(...args) {
    const isWritten = writeRows.apply(this, args)
    release(this)
    return isWritten
  }
  function release(writer: SlotWriter): void {
    const checkpointId = held.get(writer)
    if (checkpointId !== undefined && writeControl.call(writer, L.SLOT_BARRIER, Number.NaN, checkpointId)) held.delete(writer)
  }
  return () => Object.assign(SlotWriter.prototype, { writeControl, writeRows })
}

function hostBug(change: (start: HostStart) => HostStart): () => void {
  const original = InlineHost.prototype.start
  InlineHost.prototype.start = function brokenStart(start) {
    return original.call(this, change(start))
  }
  return () => {
    InlineHost.prototype.start = original
  }
}

function staleSnapshots(start: HostStart): HostStart {
  const before = new Map<string, Uint8Array<ArrayBuffer>>()
  return {
    ...start,
    events: {
      ...start.events,
      snapshot(operator, subtask, checkpointId, sections, counters) {
        const key = `${operator}/${subtask}`
        const stale = before.get(key)
        before.set(key, sections.slice())
        start.events.snapshot(operator, subtask, checkpointId, subtask === 0 && stale !== undefined ? stale : sections, counters)
      },
    },
  }
}

function forgottenWatermarkBug(): () => void {
  const restore = EventTimeSorter.prototype.restore
  EventTimeSorter.prototype.restore = function restoreRows(chunks) {
    restore.call(this, chunks)
    this.advanceWatermark(Number.NEGATIVE_INFINITY)
  }
  return () => {
    EventTimeSorter.prototype.restore = restore
  }
}

/** Every other time a sorter says that nothing is due when there is: so the watermark goes on. */
function overtakingWatermarkBug(): () => void {
  const isDue = Object.getOwnPropertyDescriptor(EventTimeSorter.prototype, 'isDue')!
  let isAsked = false
  Object.defineProperty(EventTimeSorter.prototype, 'isDue', {
    configurable: true,
    get(this: EventTimeSorter) {
      isAsked = !isAsked
      return !isAsked && isDue.get!.call(this)
    },
  })
  return () => {
    Object.defineProperty(EventTimeSorter.prototype, 'isDue', isDue)
  }
}
