/**
 * Operations on accumulators outside the kernel, out of the slots they come in: whole ones, however slots cut them.
 *
 * Before: slot-reader. After: window-accumulators, which carries them out.
 *
 * Invariant: what is given out are whole operations in the order of the stream; the rest waits for the next slot.
 */

import * as L from '../../kernel/layout.ts'
import { viewOf } from './record-cells.ts'

export interface Operation {
  readonly kind: number
  readonly handle: number
  readonly other: number
  /** Of OPERATION_ADD: the record. */
  readonly record: Uint8Array
}

/** The stream of one subtask. */
export class OperationStream {
  #rest: Uint8Array = new Uint8Array(0)

  /** The operations that are whole now. */
  take(payload: Uint8Array): Uint8Array {
    const bytes = joined(this.#rest, payload)
    const view = viewOf(bytes)
    let end = 0
    while (end + 4 <= bytes.length) {
      const next = end + view.getInt32(end + L.OPERATION_BYTES_OFFSET, true)
      if (next > bytes.length) break
      end = next
    }
    this.#rest = bytes.slice(end)
    return bytes.subarray(0, end)
  }
}

export function* operationsOf(bytes: Uint8Array): Generator<Operation> {
  const view = viewOf(bytes)
  for (let at = 0; at < bytes.length; ) {
    const end = at + view.getInt32(at + L.OPERATION_BYTES_OFFSET, true)
    yield {
      kind: view.getInt32(at + L.OPERATION_KIND_OFFSET, true),
      handle: view.getFloat64(at + L.OPERATION_HANDLE_OFFSET, true),
      other: view.getFloat64(at + L.OPERATION_OTHER_OFFSET, true),
      record: bytes.subarray(at + L.OPERATION_RECORD_OFFSET, end),
    }
    at = end
  }
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  if (first.length === 0) return second
  const bytes = new Uint8Array(first.length + second.length)
  bytes.set(first)
  bytes.set(second, first.length)
  return bytes
}
