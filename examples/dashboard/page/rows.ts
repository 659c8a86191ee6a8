/**
 * In which row of the heat map a device is: devices of a kind stand together, from cool kinds to hot ones.
 *
 * Invariant: `deviceOfRow(rowOf(device))` is the device.
 */

import { KINDS, kindOf } from '../generator/fleet.ts'

export class Rows {
  readonly count: number
  /** First row of each kind, and behind the last one the number of rows. */
  readonly begins: readonly number[]

  constructor(devices: number) {
    this.count = devices
    const begins = [0]
    for (let kind = 0; kind < KINDS.length; kind++) {
      begins.push(begins[kind]! + Math.max(0, Math.ceil((devices - kind) / KINDS.length)))
    }
    this.begins = begins
  }

  /** Row of a device; -1 when it is none of this fleet. */
  rowOf(device: number): number {
    return device >= this.count ? -1 : this.begins[kindOf(device)]! + Math.floor(device / KINDS.length)
  }

  deviceOfRow(row: number): number {
    const kind = this.kindOfRow(row)
    return (row - this.begins[kind]!) * KINDS.length + kind
  }

  kindOfRow(row: number): number {
    let kind = 0
    while (kind < KINDS.length - 1 && row >= this.begins[kind + 1]!) kind++
    return kind
  }
}
