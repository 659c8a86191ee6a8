/**
 * A source that makes its records: 1,024 devices, each with a reading a second, from a seeded generator.
 *
 * A block of 2^18 readings is drawn once and replayed with later times, so that making a record costs little more than copying it.
 * A fifth of the readings comes up to 5 s out of order; one in 10,000 was held back by its device for 1 to 10 minutes.
 * In every block one device runs hot.
 *
 * Any row can be made again from its number alone: the source is replayable, as exactly-once needs.
 */

export const DEVICES = 1024
const BLOCK_ROWS = 1 << 18
/** 1,024 readings take a second. */
const BLOCK_MS = (BLOCK_ROWS / DEVICES) * 1000
const BEGIN_MS = Date.UTC(2026, 0, 1)
const HOT_CELSIUS = 55

const names = Array.from({ length: DEVICES }, (_, index) => `device-${String(index).padStart(4, '0')}`)

export function fleetSource(rowCount) {
  const open = async (position) => new FleetReader(rowCount, position?.row ?? 0)
  return { kind: 'fleet', isReplayable: true, isBounded: true, splits: async () => [{ splitId: 'fleet', open }] }
}

class FleetReader {
  #pattern = drawBlock()
  #block = -1
  #at = new Float64Array(BLOCK_ROWS)
  #celsius = new Float64Array(BLOCK_ROWS)
  #codes = new Uint32Array(BLOCK_ROWS)
  #dictionary = null
  #rowCount
  #row

  constructor(rowCount, row) {
    this.#rowCount = rowCount
    this.#row = row
  }

  /** Copies columns: no object is made for a record. */
  read(builder, rowsMax) {
    const block = Math.floor(this.#row / BLOCK_ROWS)
    const from = this.#row % BLOCK_ROWS
    const rows = Math.min(rowsMax, this.#rowCount - this.#row, BLOCK_ROWS - from)
    if (block !== this.#block) this.#begin(block)
    if (builder.dictionary !== this.#dictionary) this.#encode(builder.dictionary)
    const columns = { device: this.#codes, at: this.#at, celsius: this.#celsius }
    for (const { name, values } of builder.columns) values.set(columns[name].subarray(from, from + rows), builder.rowCount)
    builder.rowCount += rows
    this.#row += rows
    return this.#row === this.#rowCount ? 'end' : 'more'
  }

  /** The pattern, moved to the time of a block, with the device whose turn it is to run hot. */
  #begin(block) {
    const { devices, offsets, celsius } = this.#pattern
    const beginMs = BEGIN_MS + block * BLOCK_MS
    const hot = (block * 389 + 97) % DEVICES
    for (let row = 0; row < BLOCK_ROWS; row++) {
      this.#at[row] = beginMs + offsets[row]
      this.#celsius[row] = celsius[row] + (devices[row] === hot ? HOT_CELSIUS : 0)
    }
    this.#block = block
  }

  /** Strings cross as codes of the dictionary that the batch carries. */
  #encode(dictionary) {
    const codes = names.map((name) => dictionary.codeOf(name))
    for (let row = 0; row < BLOCK_ROWS; row++) this.#codes[row] = codes[this.#pattern.devices[row]]
    this.#dictionary = dictionary
  }

  position() {
    return { row: this.#row }
  }

  progress() {
    return { done: this.#row, total: this.#rowCount }
  }

  async close() {}
}

/** Devices, times from the beginning of the block, and temperatures. */
function drawBlock() {
  const random = seeded(20_260_101)
  const devices = new Uint16Array(BLOCK_ROWS)
  const offsets = new Float64Array(BLOCK_ROWS)
  const celsius = new Float64Array(BLOCK_ROWS)
  for (let row = 0; row < BLOCK_ROWS; row++) {
    devices[row] = Math.floor(random() * DEVICES)
    const chance = random()
    const delayMs = chance < 0.0001 ? 60_000 + random() * 540_000 : chance < 0.2 ? random() * 5_000 : 0
    offsets[row] = Math.floor((row / DEVICES) * 1000 - delayMs)
    celsius[row] = Math.round((20 + (devices[row] % 7) + random() * 4) * 100) / 100
  }
  return { devices, offsets, celsius }
}

/** Mulberry32: 32 bits of state, the same numbers on every machine. */
function seeded(seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
