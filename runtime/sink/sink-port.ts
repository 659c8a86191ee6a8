/**
 * A bound sink as the coordinator drives it: one writer, at most one write under way, counts, and the commit protocol.
 *
 * Before: stages behind an outlet or an intake. After: the sink's writer.
 *
 * Invariant: while {@link SinkPort.busy} is set nothing else is written, so a writer may use a batch until its promise resolves.
 */

import { ConnectorError, connectorError } from '../errors.ts'
import type { RecordBatch } from '../record-batch.ts'
import type { Sink, SinkContext, SinkState, SinkWriter } from './sink.ts'

export class SinkPort {
  readonly name: string
  readonly #sink: Sink
  #writer: SinkWriter | null = null
  #failure: Error | null = null
  /** Resolves when the write under way is done; null when none is. */
  busy: Promise<void> | null = null
  rowCount = 0

  constructor(name: string, sink: Sink) {
    this.name = name
    this.#sink = sink
  }

  get delivery(): Sink['delivery'] {
    return this.#sink.delivery
  }

  async open(context: SinkContext): Promise<void> {
    this.#writer = await this.#guard(() => this.#sink.open(context))
  }

  write(batch: RecordBatch): void {
    this.rowCount += batch.rowCount
    try {
      const written = this.#open().write(batch)
      if (!(written instanceof Promise)) return
      this.busy = written
        .catch((error: unknown) => {
          this.#failure = connectorError('sink', this.name, error)
        })
        .finally(() => {
          this.busy = null
        })
    } catch (error) {
      this.#failure = connectorError('sink', this.name, error)
    }
  }

  /** @throws the error of a write that failed. */
  check(): void {
    if (this.#failure !== null) throw this.#failure
  }

  async prepare(checkpointId: number): Promise<SinkState> {
    await this.busy
    this.check()
    return this.#guard(() => this.#open().prepare(checkpointId))
  }

  commit(checkpointId: number): Promise<void> {
    return this.#guard(() => this.#open().commit(checkpointId))
  }

  finish(): Promise<void> {
    return this.#guard(() => this.#open().finish())
  }

  async close(): Promise<void> {
    await this.busy
    await this.#writer?.close()
    this.#writer = null
  }

  #open(): SinkWriter {
    if (this.#writer === null) throw new ConnectorError('SINK_CLOSED', `Sink ${this.name} is not open`)
    return this.#writer
  }

  async #guard<T>(run: () => Promise<T>): Promise<T> {
    try {
      return await run()
    } catch (error) {
      throw connectorError('sink', this.name, error)
    }
  }
}
