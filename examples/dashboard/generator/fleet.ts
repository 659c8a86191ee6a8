/**
 * The fleet: machines of six kinds, each with a usual temperature, a day that passes in four minutes, noise, and now and then a fault.
 *
 * Before: settings say how many. After: readings.ts asks what a device measures at a time.
 *
 * Invariant: a temperature follows from the seed, the device and the time alone, and is a multiple of 1/16 °C as of real sensors: so sums
 * of them are exact in any order, and results can be compared bit for bit.
 */

import { chance, mix } from './random.ts'

export interface DeviceKind {
  readonly name: string
  /** Usual temperature, °C. */
  readonly usual: number
  /** How far the day moves it. */
  readonly swing: number
}

/** From cool to hot. */
export const KINDS: readonly DeviceKind[] = [
  { name: 'fan', usual: 38, swing: 3 },
  { name: 'pump', usual: 45, swing: 4 },
  { name: 'motor', usual: 54, swing: 5 },
  { name: 'compressor', usual: 61, swing: 3.5 },
  { name: 'gearbox', usual: 68, swing: 4.5 },
  { name: 'turbine', usual: 76, swing: 6 },
]

/** What a sensor says when it is disconnected. */
export const FAULT_CELSIUS = -127
export const DAY_MS = 240_000
const INCIDENT_MS = 45_000
const INCIDENT_CHANCE = 0.012
const INCIDENT_CELSIUS = 19
const SINES = 1 << 10
const sines = Float64Array.from({ length: SINES }, (_, index) => Math.sin((2 * Math.PI * index) / SINES))

/** Number of the kind of a device. It stays what it is when the fleet grows or shrinks. */
export function kindOf(device: number): number {
  return device % KINDS.length
}

/** What a device is called, such as `pump-0417`. */
export function nameOf(device: number): string {
  return `${KINDS[kindOf(device)]!.name}-${String(device).padStart(4, '0')}`
}

/** The number of a device that is called so. */
export function deviceOf(name: string): number {
  return Number(name.slice(name.lastIndexOf('-') + 1))
}

export class Fleet {
  readonly seed: number
  readonly devices: number
  readonly names: readonly string[]
  /** By device: usual temperature, swing, and where in its day it is at time 0, in turns. */
  readonly #usual: Float64Array
  readonly #swing: Float64Array
  readonly #phase: Float64Array

  constructor(seed: number, devices: number) {
    this.seed = seed
    this.devices = devices
    const numbers = Array.from({ length: devices }, (_, device) => device)
    const kind = (device: number) => KINDS[kindOf(device)]!
    this.names = numbers.map(nameOf)
    this.#usual = Float64Array.from(numbers, (device) => kind(device).usual + (chance(seed, device) - 0.5) * 2.4)
    this.#swing = Float64Array.from(numbers, (device) => kind(device).swing * (0.75 + 0.5 * chance(seed + 1, device)))
    // Neighbours stand near each other, so their days are nearly the same: the sun wanders over the fleet.
    this.#phase = Float64Array.from(numbers, (device) => device * 0.0006 + chance(seed + 2, device) * 0.05)
  }

  /** What a device measures at a time, before noise. */
  celsiusAt(device: number, ms: number): number {
    const turns = ms / DAY_MS + this.#phase[device]!
    const day = sines[Math.floor((turns - Math.floor(turns)) * SINES)]!
    return this.#usual[device]! + this.#swing[device]! * day + this.#incident(device, ms)
  }

  /** A device that runs hot: up quickly, back slowly. */
  #incident(device: number, ms: number): number {
    const period = Math.floor(ms / INCIDENT_MS)
    if (chance(this.seed ^ 0x5bd1e995, mix(device, period)) >= INCIDENT_CHANCE) return 0
    const part = ms / INCIDENT_MS - period
    return INCIDENT_CELSIUS * (part < 0.2 ? part / 0.2 : (1 - part) / 0.8)
  }

  /** How far the clock of a device is ahead, ms; 0 for most. */
  clockSkewMs(device: number, skewed: number): number {
    if (chance(this.seed + 3, device) >= skewed) return 0
    const skew = chance(this.seed + 4, device) * 2 - 1
    return Math.round(Math.sign(skew) * (1_500 + Math.abs(skew) * 6_500))
  }
}

/** As a sensor gives it: to 1/16 °C. */
export function quantized(celsius: number): number {
  return Math.round(celsius * 16) / 16
}
