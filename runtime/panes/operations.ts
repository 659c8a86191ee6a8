/**
 * Operations on accumulators outside the kernel, out of the slots they come in: whole ones, however slots cut them.
 *
 * Before: slot-reader. After: window-accumulators, which carries them out.
 *
 * Invariant: what is given out are whole operations in the order of the stream; the rest waits for the next slot.
 */

import * as L from '../../kernel/layout.ts'
import { viewOf } from './record-cells.ts'

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

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  if (first.length === 0) return second
  const bytes = new Uint8Array(first.length + second.length)
  bytes.set(first)
  bytes.set(second, first.length)
  return bytes
}
