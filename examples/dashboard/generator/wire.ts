/**
 * Readings as they travel: lines of JSON, some of them damaged.
 *
 * Before: readings.ts. After: a WebSocket, an MQTT broker or a MessagePort, and the source of the job, which decodes NDJSON.
 *
 * Invariant: a message has whole lines, in the order of their numbers. A damaged line is one line, too, and still shows its number.
 */

import { nameOf } from './fleet.ts'
import { CORRUPT, type Readings } from './readings.ts'

/** Readings `from` to `rowCount - 1` as NDJSON. */
export function encodeReadings(readings: Readings, from = 0): string {
  const { rowCount, firstNumber, device, at, celsius, state, isTraced } = readings
  const lines: string[] = []
  for (let row = from; row < rowCount; row++) {
    const line = `{"number":${firstNumber + row},"device":"${nameFor(device[row]!)}","at":${at[row]},"celsius":${celsius[row]}`
    // Cut somewhere behind the number, as by a connection that broke.
    if (state[row] === CORRUPT) lines.push(line.slice(0, line.indexOf(',') + 1 + ((firstNumber + row) % 24)))
    else lines.push(isTraced[row] === 1 ? `${line},"traced":true}` : `${line}}`)
  }
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`
}

const names: string[] = []

function nameFor(device: number): string {
  return (names[device] ??= nameOf(device))
}
