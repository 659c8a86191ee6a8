/**
 * An exactly-once sink in its purest form: parts on a disk that outlives the job, prepared first and committed later.
 *
 * Before: outlets and intakes. After: {@link SinkDisk.lines}, which the simulation compares with those of a run without faults.
 * Opening fences every writer of a lower epoch, as Kafka does with a transactional id.
 *
 * Invariant: a part that is committed is covered by a checkpoint, unless the checkpoint itself was damaged afterwards.
 */

import { ConnectorError } from '../../runtime/errors.ts'
import type { RecordBatch } from '../../runtime/record-batch.ts'
import { paneOf } from '../../runtime/sink/pane.ts'
import type { Sink, SinkWriter } from '../../runtime/sink/sink.ts'
import type { Life, World } from './world.ts'

interface Part {
  readonly lines: readonly string[]
  isCommitted: boolean
}

export class SinkDisk {
  readonly name: string
  readonly #world: World
  parts: Part[] = []
  isFinished = false
  /** Whether committed parts may be taken back: only after the newest checkpoint was damaged. */
  mayRollBack = false
  /** Of the newest writer; older ones are refused. */
  epoch = 0

  constructor(name: string, world: World) {
    this.name = name
    this.#world = world
  }

  get lines(): string[] {
    return this.parts.filter(({ isCommitted }) => isCommitted).flatMap(({ lines }) => lines)
  }

  get preparedLines(): number {
    return this.parts.reduce((sum, { lines }) => sum + lines.length, 0)
  }

  /** Completes the commit of a checkpoint that covers `part` parts with `count` lines, and drops the rest. */
  restore(part: number, count: number): void {
    if (!this.mayRollBack && this.parts.some(({ isCommitted }, index) => isCommitted && index >= part)) {
      this.#world.violation(`sink ${this.name} has committed more than the ${part} parts that the checkpoint covers`)
    }
    this.parts.length = Math.min(this.parts.length, part)
    for (const kept of this.parts) kept.isCommitted = true
    if (this.preparedLines !== count)
      this.#world.violation(`sink ${this.name} has ${this.preparedLines} lines, the checkpoint covers ${count}`)
    this.isFinished = false
    this.mayRollBack = false
  }
}

export function lineOf(batch: RecordBatch, row: number): string {
  const cells = batch.columns.map((column) => {
    const value = batch.value(column, row)
    return typeof value === 'number' && !Number.isFinite(value) ? String(value) : Object.is(value, -0) ? '-0' : value
  })
  if (batch.panes === null) return JSON.stringify(cells)
  const { index, timing, change, isLast } = batch.panes
  return JSON.stringify([...cells, index[row], timing[row], change[row], isLast[row]])
}

export function simSink(life: Life, disk: SinkDisk): Sink {
  const { prng, world, rates } = life
  return {
    kind: 'simulated',
    delivery: 'exactly-once',
    async open({ restored, epoch }) {
      const check = () => {
        if (epoch >= disk.epoch) return
        world.saw('zombie fenced by the sink')
        throw new ConnectorError('SIM_SINK_FENCED', 'a newer writer has taken the sink')
      }
      await life.operation(
        'sink open',
        0,
        () => {
          check()
          disk.epoch = epoch
          disk.restore(Number(restored?.['part'] ?? 0), Number(restored?.['lines'] ?? 0))
        },
        failure,
      )
      let buffer: string[] = []
      const partOf = new Map<number, number>()
      const writer: SinkWriter = {
        write(batch) {
          life.point('sink write')
          for (let row = 0; row < batch.rowCount; row++) {
            const { timing, change } = paneOf(batch, row)
            if (timing === 2) world.saw('late record refires a window')
            else if (timing === 0) world.saw('early pane')
            if (change === '-U') world.saw('result taken back for another')
            else if (change === '-D') world.saw('result of a merged session taken back')
            if (disk.name === 'late') world.saw('late record goes to the side output')
            buffer.push(lineOf(batch, row))
          }
          if (prng.next() >= 0.2 || rates.slowMs === 0) return
          if (life.phase === 'barrier') world.saw('slow sink at a barrier')
          return life.clock.sleep(prng.next() * rates.slowMs).then(() => {
            life.point('slow sink write')
            if (prng.next() < rates.sinkFails) throw failure()
          })
        },
        prepare(checkpointId) {
          return life.operation(
            'sink prepare',
            rates.sinkFails,
            () => {
              check()
              if (buffer.length > 0) disk.parts.push({ lines: buffer, isCommitted: false })
              buffer = []
              partOf.set(checkpointId, disk.parts.length)
              life.phase = 'prepared'
              return { part: disk.parts.length, lines: disk.preparedLines }
            },
            (hasEffect) => {
              if (hasEffect) world.saw('sink prepare with unknown outcome')
              return failure()
            },
          )
        },
        commit(checkpointId) {
          return life.operation(
            'sink commit',
            rates.sinkFails,
            () => {
              check()
              life.committedSinks++
              const part = partOf.get(checkpointId) ?? 0
              for (let index = 0; index < part; index++) disk.parts[index]!.isCommitted = true
            },
            (hasEffect) => {
              if (hasEffect) world.saw('sink commit with unknown outcome')
              return failure()
            },
          )
        },
        finish() {
          life.phase = 'ended'
          return life.operation(
            'sink finish',
            0,
            () => {
              check()
              if (disk.parts.some(({ isCommitted }) => !isCommitted))
                world.violation(`sink ${disk.name} was finished with a part that is not committed`)
              disk.isFinished = true
            },
            failure,
          )
        },
        close: () => Promise.resolve(),
      }
      return writer
    },
  }
}

function failure(): ConnectorError {
  return new ConnectorError('SIM_SINK', 'the sink fails, as simulated', { retryable: true })
}
