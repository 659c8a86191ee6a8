/**
 * One kernel in a test: feeds it, steps it, takes snapshots of it and restores them. Works with each build of the kernel.
 *
 * Before: a plan in plain words and a sequence of records and watermarks. After: panes, late records and watermarks in order, with
 * numbers as bits, so that equal means equal.
 *
 * Invariant: the harness shares layout.ts with the kernel and nothing else.
 */

import { readFileSync } from 'node:fs'
import * as L from '../../kernel/layout.ts'
import { KernelInput } from './kernel-input.ts'
import { KernelMemory } from './kernel-memory.ts'
import { KernelOutput } from './kernel-output.ts'
import type { KernelPlan, KernelRecord, Op, Output } from './kernel-plan.ts'

export type Build = 'shared' | 'plain' | 'debug'
export type KernelName = 'kernel' | 'kernel-panes'

interface Exports {
  layoutVersion(): number
  configure(): number
  restoreAllocate(bytes: number): number
  restoreSection(ptr: number, bytes: number): number
  restoreEnd(): number
  step(slotsMax: number): number
  barrierId(): number
  snapshot(): number
  snapshotPtr(): number
  snapshotBytes(): number
  snapshotRelease(): void
  passBarrier(): number
  counter(index: number): number
}

const modules = new Map<string, WebAssembly.Module>()

export function wasmBytes(build: Build, name: KernelName = 'kernel'): Uint8Array<ArrayBuffer> {
  return new Uint8Array(readFileSync(new URL(`../../dist/${name}-${build}.wasm`, import.meta.url)))
}

function wasm(build: Build, name: KernelName): WebAssembly.Module {
  const known = modules.get(name + build)
  if (known !== undefined) return known
  const made = new WebAssembly.Module(wasmBytes(build, name))
  modules.set(name + build, made)
  return made
}

export class Kernel {
  readonly exports: Exports
  readonly outputs: Output[]
  status: number
  readonly memory: KernelMemory
  readonly input: KernelInput
  readonly output: KernelOutput

  constructor(plan: KernelPlan, build: Build = 'shared', options: { readonly restoring?: boolean } = {}) {
    this.memory = new KernelMemory(plan, build !== 'plain')
    this.input = new KernelInput(this.memory, () => this.advance())
    this.output = new KernelOutput(this.memory, this.input)
    this.outputs = this.output.outputs
    const module = wasm(build, plan.panes === undefined ? 'kernel' : 'kernel-panes')
    this.exports = new WebAssembly.Instance(module, { env: { memory: this.memory.memory } }).exports as unknown as Exports
    this.status = this.exports.configure()
    if (options.restoring !== true && this.status !== L.STATUS_OK) throw new Error(`configure answered ${this.status}`)
  }

  /** One call of `step`; drains the output ring when it is full. Throws on a failure. */
  advance(slotsMax = 2): number {
    this.status = this.exports.step(slotsMax)
    if (this.status === L.STATUS_OUTPUT_FULL) this.output.drain()
    if (this.status < 0) throw new KernelFailure(this.status)
    return this.status
  }

  /** Steps until the input ring is empty, or a barrier or the end is reached. */
  settle(): number {
    for (;;) {
      const status = this.advance()
      if (status === L.STATUS_IDLE || status === L.STATUS_BARRIER || status === L.STATUS_END) {
        this.output.drain()
        return status
      }
    }
  }

  /** Writes records and watermarks, cut into slots where `cut` says so. */
  feed(ops: readonly Op[], cut: (rows: number) => boolean = () => false): void {
    let rows: KernelRecord[] = []
    for (const op of ops) {
      if ('watermark' in op) {
        this.input.writeBatch(rows, op.watermark)
        rows = []
        continue
      }
      rows.push(op)
      if (rows.length < this.memory.batchRowsMax && !cut(rows.length)) continue
      this.input.writeBatch(rows, Number.NaN)
      rows = []
    }
    if (rows.length > 0) this.input.writeBatch(rows, Number.NaN)
  }

  /** Sends a barrier, takes a snapshot there and lets the barrier pass. */
  checkpoint(id: number): Uint8Array[] {
    const slot = this.input.claim(L.SLOT_BARRIER)
    this.memory.view().setFloat64(slot + L.SLOT_CHECKPOINT_OFFSET, id, true)
    this.input.publish()
    if (this.settle() !== L.STATUS_BARRIER || this.exports.barrierId() !== id) throw new Error('no barrier')
    const sections = this.snapshot()
    if (this.exports.passBarrier() !== L.STATUS_OK) throw new Error('barrier did not pass')
    this.output.drain()
    return sections
  }

  snapshot(): Uint8Array[] {
    const status = this.exports.snapshot()
    if (status !== L.STATUS_OK) throw new KernelFailure(status)
    const ptr = this.exports.snapshotPtr() >>> 0
    const bytes = this.memory.bytes(ptr, this.exports.snapshotBytes())
    this.exports.snapshotRelease()
    const sections: Uint8Array[] = []
    for (let at = 0; at < bytes.length; ) {
      const length = new DataView(bytes.buffer).getInt32(at + L.SECTION_BYTES_OFFSET, true)
      sections.push(bytes.slice(at, at + length))
      at += length
    }
    return sections
  }

  /** Restores sections; the first status that is not OK, or OK. */
  restore(sections: readonly Uint8Array[]): number {
    for (const section of sections) {
      const ptr = this.exports.restoreAllocate(section.length) >>> 0
      if (ptr === 0) return L.STATUS_STATE_LIMIT
      this.memory.write(section, ptr)
      const status = this.exports.restoreSection(ptr, section.length)
      if (status !== L.STATUS_OK) return status
    }
    return this.exports.restoreEnd()
  }
}

export class KernelFailure extends Error {
  readonly status: number
  constructor(status: number) {
    super(`kernel status ${status}`)
    this.status = status
  }
}
