/**
 * W1 through the product's kernel alone: all events lie in one large ring beforehand, as they lie in memory for the native program;
 * what is timed is the kernel taking them, and the results being taken away.
 */

import { SlotWriter } from '../../runtime/ring/slot-writer.ts'
import { RingConsumer } from '../../runtime/ring/spsc-ring.ts'
import { Dictionary } from '../../runtime/dictionary.ts'
import { kernelModule } from '../../runtime/platform/kernel-module.ts'
import { RecordBatch } from '../../runtime/record-batch.ts'
import { schema, f64, timestamp, utf8 } from '../../runtime/schema.ts'
import { createMemory, formatMemory, KernelInstance } from '../../runtime/subtask/kernel-instance.ts'
import { subtaskLayout, type SubtaskLayout } from '../../runtime/subtask/subtask-layout.ts'
import * as L from '../../kernel/layout.ts'
import type { Columns } from './input.ts'

const BATCH_ROWS = 4096
const DELAY_MS = 5000
const module = await kernelModule(true, 'slices')

export interface Shape {
  readonly keyCount: number
  readonly sizeMs: number
  readonly slideMs: number
}

export class KernelRun {
  readonly #columns: Columns
  readonly #shape: Shape
  readonly #layout: SubtaskLayout
  readonly #memory: WebAssembly.Memory

  constructor(columns: Columns, shape: Shape) {
    this.#columns = columns
    this.#shape = shape
    const batches = Math.ceil(columns.times.length / BATCH_ROWS)
    const { sizeMs, slideMs } = shape
    const window =
      sizeMs === slideMs
        ? ({ kind: 'tumbling', sizeMs, offsetMs: 0 } as const)
        : ({ kind: 'sliding', sizeMs, slideMs, offsetMs: 0 } as const)
    const layout = subtaskLayout({
      window: {
        uid: 'w1',
        op: 'window',
        inputs: ['keyed'],
        window,
        time: 'event',
        trigger: { kind: 'onWatermark' },
        accumulation: 'accumulating',
        closing: 'none',
        allowedLatenessMs: 0,
        late: { kind: 'drop' },
        aggregates: {
          n: { fn: 'count' },
          sum: { fn: 'sum', column: 'value' },
          min: { fn: 'min', column: 'value' },
          max: { fn: 'max', column: 'value' },
        },
      },
      schema: schema({ key: utf8(), at: timestamp(), value: f64() }),
      keyColumns: ['key'],
      batchRowsMax: BATCH_ROWS,
      slotCount: 2 ** Math.ceil(Math.log2(batches + 1024)),
      memoryBytesMax: 2 ** 32,
    })
    // Input holds all events; output is as small as in a job.
    this.#layout = { ...layout, output: { ...layout.output, slotCount: 64 } }
    this.#memory = createMemory(this.#layout, true)
  }

  /** Nanoseconds an event. */
  run(): number {
    const layout = this.#layout
    const memory = this.#memory
    // A new kernel in memory that is there already: what the system takes to provide pages for the first time is not compared.
    new Uint8Array(memory.buffer, layout.stateOffset).fill(0)
    formatMemory(memory, layout, 1)
    const kernel = new KernelInstance(module, memory, layout)
    const writer = new SlotWriter(layout, memory, 1)
    // The native program is given keys as numbers: the dictionary is not part of what is compared.
    const dictionary = this.#sendDictionary(writer)
    while (kernel.step(64) !== L.STATUS_IDLE);
    this.#fill(writer, dictionary)
    const output = new RingConsumer(memory, layout.output)
    const drain = () => {
      while (output.take() >= 0) output.release()
    }
    const start = process.hrtime.bigint()
    for (let status = kernel.step(8); status !== L.STATUS_IDLE; status = kernel.step(8)) drain()
    drain()
    return Number(process.hrtime.bigint() - start) / this.#columns.times.length
  }

  #sendDictionary(writer: SlotWriter): Dictionary {
    const dictionary = new Dictionary()
    const codes: number[] = []
    const text = new TextEncoder()
    for (let key = 0; key < this.#shape.keyCount; key++) {
      const bytes = text.encode(`k${key}`)
      codes.push(dictionary.codeOfBytes(bytes, 0, bytes.length))
    }
    for (let at = 0; at < codes.length; ) at = writer.writeEntries(dictionary, codes, at, (code) => code & 127)
    return dictionary
  }

  #fill(writer: SlotWriter, dictionary: Dictionary): void {
    const { times, values, keys } = this.#columns
    const { columns: names } = schema({ key: utf8(), at: timestamp(), value: f64() })
    const groups = new Uint16Array(BATCH_ROWS)
    let max = Number.NEGATIVE_INFINITY
    let watermark = Number.NEGATIVE_INFINITY
    for (let from = 0; from < times.length; from += BATCH_ROWS) {
      const to = Math.min(times.length, from + BATCH_ROWS)
      const arrays = [keys.subarray(from, to), times.subarray(from, to), values.subarray(from, to)]
      const columns = names.map(({ name, type }, index) => ({ name, type, values: arrays[index]!, validity: null, dictionary }))
      for (let row = from; row < to; row++) if (times[row]! > max) max = times[row]!
      const next = max - DELAY_MS - 1
      const carried = next > watermark ? next : Number.NaN
      if (next > watermark) watermark = next
      const batch = new RecordBatch({ columns: names } as never, columns, to - from)
      if (!writer.writeRows(batch, times.subarray(from, to), groups, null, 0, to - from, carried, 0, Number.NaN))
        throw new Error('the ring is too small')
    }
  }
}
