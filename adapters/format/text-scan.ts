/**
 * Numbers, instants and UTF-8 straight from bytes: leaf functions of the two decoders, the hottest code of the adapter.
 *
 * Before: csv-decoder, ndjson-decoder. After: nothing.
 *
 * Invariant: a scan that does not answer -1 gave exactly what `Number(text)` or `Date.parse(text)` gives; -1 says nothing about
 * the text but that the careful path must look at it. Scans read up to the first byte that cannot belong, so a newline must follow.
 */

const EXACT = 2 ** 53
/** Powers of ten that a double holds exactly. */
const POWERS = Float64Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`))

/**
 * Scans a number of the JSON grammar at `at` into `out[index]`.
 *
 * A mantissa below 2^53 and a power of ten up to 22 are both exact, so one operation rounds correctly (Clinger 1990); digits are
 * taken nine at a time in 32-bit integers, which is twice as fast as in doubles.
 *
 * @returns where it ended, or -1.
 */
export function scanNumber(bytes: Uint8Array, at: number, out: Float64Array, index: number): number {
  let p = at
  let byte = bytes[p]!
  if (byte === 0x2d) byte = bytes[++p]!
  const first = p
  let digit = byte - 0x30
  if (digit < 0 || digit > 9) return -1
  let mantissa = 0
  let part = 0
  let partDigits = 0
  do {
    part = (part * 10 + digit) | 0
    if (++partDigits === 9) {
      mantissa = mantissa * 1e9 + part
      part = 0
      partDigits = 0
    }
    byte = bytes[++p]!
    digit = byte - 0x30
  } while (digit >= 0 && digit <= 9)
  if (bytes[first] === 0x30 && p - first > 1) return -1
  let scale = 0
  if (byte === 0x2e) {
    const from = ++p
    byte = bytes[p]!
    digit = byte - 0x30
    while (digit >= 0 && digit <= 9) {
      part = (part * 10 + digit) | 0
      if (++partDigits === 9) {
        mantissa = mantissa * 1e9 + part
        part = 0
        partDigits = 0
      }
      byte = bytes[++p]!
      digit = byte - 0x30
    }
    scale = p - from
    if (scale === 0) return -1
  }
  mantissa = mantissa * POWERS[partDigits]! + part
  if ((byte | 0x20) === 0x65) return scanExponent(bytes, at, p + 1, mantissa, scale, out, index)
  if (mantissa >= EXACT || scale > 22) return scanLong(bytes, at, p, out, index)
  const value = scale === 0 ? mantissa : mantissa / POWERS[scale]!
  out[index] = bytes[at] === 0x2d ? -value : value
  return p
}

function scanExponent(
  bytes: Uint8Array,
  at: number,
  from: number,
  mantissa: number,
  scale: number,
  out: Float64Array,
  index: number,
): number {
  let p = from
  const sign = bytes[p]!
  if (sign === 0x2b || sign === 0x2d) p++
  const first = p
  let exponent = 0
  let digit = bytes[p]! - 0x30
  while (digit >= 0 && digit <= 9) {
    if (exponent < 10_000) exponent = exponent * 10 + digit
    digit = bytes[++p]! - 0x30
  }
  if (p === first) return -1
  const power = (sign === 0x2d ? -exponent : exponent) - scale
  if (mantissa >= EXACT || power > 22 || power < -22) return scanLong(bytes, at, p, out, index)
  const value = power < 0 ? mantissa / POWERS[-power]! : mantissa * POWERS[power]!
  out[index] = bytes[at] === 0x2d ? -value : value
  return p
}

/** What is too long to be exact in one operation is left to the engine. Beyond the largest double: -1. */
function scanLong(bytes: Uint8Array, at: number, end: number, out: Float64Array, index: number): number {
  const value = Number(asciiText(bytes, at, end))
  if (!Number.isFinite(value)) return -1
  out[index] = value
  return end
}

/** Text of bytes that are known to be ASCII. */
export function asciiText(bytes: Uint8Array, from: number, to: number): string {
  let text = ''
  for (let i = from; i < to; i++) text += String.fromCharCode(bytes[i]!)
  return text
}

function pair(bytes: Uint8Array, at: number): number {
  const tens = bytes[at]! - 0x30
  const units = bytes[at + 1]! - 0x30
  return tens < 0 || tens > 9 || units < 0 || units > 9 ? -1 : tens * 10 + units
}

const MONTH_DAYS = Uint8Array.of(0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)

/**
 * The instant of `YYYY-MM-DD(T| )HH:MM[:SS[.fraction]](Z|±HH:MM)` in `bytes[from, to)`, in milliseconds; NaN when it has another form.
 *
 * A zone is required: a local time is not an instant. Fractions are floored to milliseconds.
 */
export function scanInstant(bytes: Uint8Array, from: number, to: number): number {
  if (to - from < 17) return Number.NaN
  const century = pair(bytes, from)
  const decade = pair(bytes, from + 2)
  const month = pair(bytes, from + 5)
  const day = pair(bytes, from + 8)
  const hour = pair(bytes, from + 11)
  const minute = pair(bytes, from + 14)
  const separator = bytes[from + 10]!
  if (century < 0 || decade < 0 || bytes[from + 4] !== 0x2d || bytes[from + 7] !== 0x2d || bytes[from + 13] !== 0x3a) return Number.NaN
  if ((separator !== 0x54 && separator !== 0x20) || month < 1 || month > 12 || hour < 0 || hour > 23 || minute < 0 || minute > 59)
    return Number.NaN
  const year = century * 100 + decade
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
  if (day < 1 || day > MONTH_DAYS[month]! + (month === 2 && isLeap ? 1 : 0)) return Number.NaN
  let p = from + 16
  let second = 0
  let ms = 0
  if (bytes[p] === 0x3a) {
    if (to - p < 4) return Number.NaN
    second = pair(bytes, p + 1)
    if (second < 0 || second > 59) return Number.NaN
    p += 3
    if (bytes[p] === 0x2e) {
      const first = ++p
      let unit = 100
      for (; p < to; p++) {
        const digit = bytes[p]! - 0x30
        if (digit < 0 || digit > 9) break
        ms += digit * unit
        unit = unit === 100 ? 10 : unit === 10 ? 1 : 0
      }
      if (p === first) return Number.NaN
    }
  }
  const zoneMinutes = scanZone(bytes, p, to)
  if (Number.isNaN(zoneMinutes)) return Number.NaN
  return daysFromCivil(year, month, day) * 86_400_000 + (hour * 60 + minute - zoneMinutes) * 60_000 + second * 1000 + ms
}

function scanZone(bytes: Uint8Array, p: number, to: number): number {
  const sign = bytes[p]!
  if (sign === 0x5a) return to === p + 1 ? 0 : Number.NaN
  if ((sign !== 0x2b && sign !== 0x2d) || to !== p + 6 || bytes[p + 3] !== 0x3a) return Number.NaN
  const hour = pair(bytes, p + 1)
  const minute = pair(bytes, p + 4)
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59) return Number.NaN
  return (sign === 0x2d ? -1 : 1) * (hour * 60 + minute)
}

/** Days since 1970-01-01 of a date of the proleptic Gregorian calendar, years from 0 (Hinnant, "chrono-compatible date algorithms"). */
function daysFromCivil(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year
  const era = Math.floor(y / 400)
  const yearOfEra = y - era * 400
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1
  return era * 146_097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - 719_468
}

/** Whether `bytes[from, to)` is well-formed UTF-8 (Unicode 16, table 3-7): no over-long forms, surrogates or cut sequences. */
export function isUtf8(bytes: Uint8Array, from: number, to: number): boolean {
  let p = from
  while (p < to) {
    const lead = bytes[p++]!
    if (lead < 0x80) continue
    if (lead < 0xc2 || lead > 0xf4) return false
    const more = lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3
    if (to - p < more) return false
    const second = bytes[p]!
    const least = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80
    const most = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf
    if (second < least || second > most) return false
    for (let i = 1; i < more; i++) if ((bytes[p + i]! & 0xc0) !== 0x80) return false
    p += more
  }
  return true
}
