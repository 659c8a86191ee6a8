/**
 * The readings that arrive in one tick of the fleet, as columns.
 *
 * Before: feed-log.ts says which tick, how many, and by which settings. After: wire.ts makes messages of them, ledger.ts adds them up.
 * A reading is drawn when it arrives: how long it was on its way is chance, and its event time lies that much earlier. So a tick needs to
 * know nothing of those before it.
 *
 * Invariant: a tick follows from seed, tick, settings and first number alone: it can be made again at any time, bit for bit.
 */

import { FAULT_CELSIUS, type Fleet, quantized } from './fleet.ts'
import { chance, mix, normalTable, sequence } from './random.ts'
import type { FleetSettings } from './settings.ts'

/** How often readings arrive, ms. */
export const TICK_MS = 25
/** Gateways send what they have collected every so many ticks. */
export const GATEWAY_TICKS = 48
const SILENCE_MS = 20_000
/** About so many of a second's readings are traced on their way; of stragglers some more, because they are what one wants to see. */
const TRACED_A_SECOND = 90
const TRACED_STRAGGLERS_A_SECOND = 9

export const NORMAL = 0
/** The sensor's fault value: the job filters it out. */
export const FAULTY = 1
/** Damaged on the way: no reading any more. */
export const CORRUPT = 2

export interface Readings {
  readonly tick: number
  /** Number of the first reading; the others follow. */
  readonly firstNumber: number
  readonly rowCount: number
  readonly device: Uint16Array
  /** Event time, ms since the epoch. */
  readonly at: Float64Array
  readonly celsius: Float64Array
  /** NORMAL, FAULTY or CORRUPT. */
  readonly state: Uint8Array
  readonly isTraced: Uint8Array
}

export interface TickOptions {
  readonly fleet: Fleet
  readonly settings: FleetSettings
  readonly tick: number
  /** When readings of this tick arrive. */
  readonly arrivalMs: number
  readonly firstNumber: number
  readonly rowCount: number
  /** How many of them come from gateways, at the end of the rows. */
  readonly gatewayRows: number
}

/** Draws the readings of a tick. */
export function drawReadings(options: TickOptions): Readings {
  const { fleet, settings, tick, arrivalMs, firstNumber, rowCount, gatewayRows } = options
  const random = sequence(mix(fleet.seed, tick))
  const normals = normalTable()
  const device = new Uint16Array(rowCount)
  const at = new Float64Array(rowCount)
  const celsius = new Float64Array(rowCount)
  const state = new Uint8Array(rowCount)
  const isTraced = new Uint8Array(rowCount)
  const groups = deviceGroups(fleet, settings, arrivalMs)
  const directRows = rowCount - gatewayRows
  const tracing = tracingOf(settings)
  // Devices take turns; where a tick goes on follows from its number.
  let turn = firstNumber
  for (let row = 0; row < rowCount; row++) {
    const isGateway = row >= directRows
    const group = isGateway ? groups.gateways : groups.direct
    const id = group[(turn++ * groups.stride) % group.length]!
    let delayMs = settings.delayMs * Math.exp(settings.disorder * normals[(random() * normals.length) | 0]!)
    if (isGateway) delayMs += random() * GATEWAY_TICKS * TICK_MS
    const isStraggler = random() < settings.stragglers
    if (isStraggler) delayMs += 2_000 + random() * random() * Math.max(0, settings.stragglerSeconds - 2) * 1000
    // Within a tick readings arrive one after the other.
    const momentMs = arrivalMs - TICK_MS + (isGateway ? TICK_MS : (TICK_MS * (row + 1)) / directRows)
    const eventMs = Math.floor(momentMs - delayMs)
    at[row] = eventMs + groups.skewMs[id]!
    device[row] = id
    const fate = random()
    if (fate < settings.corrupt) state[row] = CORRUPT
    else if (fate < settings.corrupt + settings.faults) state[row] = FAULTY
    celsius[row] =
      state[row] === FAULTY
        ? FAULT_CELSIUS
        : quantized(fleet.celsiusAt(id, eventMs) + 0.35 * normals[(firstNumber + row * 7 + tick) & (normals.length - 1)]!)
    if (random() < (isStraggler ? tracing.stragglers : tracing.others)) isTraced[row] = 1
  }
  return { tick, firstNumber, rowCount, device, at, celsius, state, isTraced }
}

function tracingOf({ rate, stragglers }: FleetSettings): { readonly stragglers: number; readonly others: number } {
  return {
    others: TRACED_A_SECOND / rate,
    stragglers: stragglers === 0 ? 0 : Math.max(TRACED_A_SECOND / rate, TRACED_STRAGGLERS_A_SECOND / (rate * stragglers)),
  }
}

interface DeviceGroups {
  /** Devices that send now, by how they send. */
  readonly direct: Uint16Array
  readonly gateways: Uint16Array
  readonly skewMs: Float64Array
  /** Step from one device to the next: shares no divisor with the number of devices. */
  readonly stride: number
}

const known = new WeakMap<Fleet, { readonly key: string; readonly groups: DeviceGroups }>()

/** Who is silent changes every twenty seconds; the rest only with the settings. */
function deviceGroups(fleet: Fleet, settings: FleetSettings, arrivalMs: number): DeviceGroups {
  const period = Math.floor(arrivalMs / SILENCE_MS)
  const key = `${period} ${settings.silent} ${settings.bursts} ${settings.skewed}`
  const found = known.get(fleet)
  if (found?.key === key) return found.groups
  const all = Array.from({ length: fleet.devices }, (_, id) => id)
  const isGateway = (id: number) => chance(fleet.seed + 5, id) < settings.bursts
  const heard = (ids: number[]) => {
    const loud = ids.filter((id) => chance(fleet.seed + 6, mix(id, period)) >= settings.silent)
    return Uint16Array.from(loud.length > 0 ? loud : ids)
  }
  const gateways = all.filter(isGateway)
  const direct = all.filter((id) => !isGateway(id))
  const groups: DeviceGroups = {
    direct: heard(direct.length > 0 ? direct : all),
    gateways: heard(gateways.length > 0 ? gateways : all),
    skewMs: Float64Array.from(all, (id) => fleet.clockSkewMs(id, settings.skewed)),
    stride: 7_919,
  }
  known.set(fleet, { key, groups })
  return groups
}
