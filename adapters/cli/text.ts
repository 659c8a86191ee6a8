/**
 * How numbers, times and tables look in a terminal.
 *
 * Before: the commands. After: standard output and error.
 *
 * Invariant: pure functions; no text is wider for its colour, because nothing here colours.
 */

const numbers = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })

/** `1,234,567`. */
export function count(value: number): string {
  return numbers.format(value)
}

/** `1 record`, `2 records`. */
export function counted(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? '' : 's'}`
}

/** `2.41 M/s`: three digits and a unit. */
export function rate(perSecond: number): string {
  if (!Number.isFinite(perSecond)) return '- /s'
  const units = [
    [1e9, ' G'],
    [1e6, ' M'],
    [1e3, ' k'],
  ] as const
  for (const [size, unit] of units) if (perSecond >= size) return `${(perSecond / size).toPrecision(3)}${unit}/s`
  return `${Math.round(perSecond)}/s`
}

/** `12.3 kB`. */
export function bytes(value: number): string {
  if (value < 1000) return `${value} B`
  const units = ['kB', 'MB', 'GB', 'TB']
  let size = value / 1000
  let unit = 0
  while (size >= 999.5 && unit < units.length - 1) {
    size /= 1000
    unit++
  }
  return `${size.toPrecision(3)} ${units[unit]}`
}

/** `0.42 s`, `12.3 s`, `3:07`, `2:03:07`. */
export function duration(ms: number): string {
  const seconds = ms / 1000
  if (seconds < 10) return `${seconds.toFixed(2)} s`
  if (seconds < 60) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  const two = (value: number) => String(value).padStart(2, '0')
  const hours = Math.floor(whole / 3600)
  const minutes = Math.floor(whole / 60) % 60
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`
}

/** `2018-02-06 15:50:42`, in UTC; outside a Date's range the number itself. */
export function time(ms: number): string {
  const date = new Date(ms)
  if (Number.isNaN(date.getTime())) return String(ms)
  return date
    .toISOString()
    .replace('T', ' ')
    .replace(/\.000Z$|Z$/, '')
}

/** Columns under headings; numbers (by `right`) end at the right edge. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[], right: readonly boolean[]): string {
  const widths = headings.map((heading, column) => Math.max(heading.length, ...rows.map((row) => row[column]?.length ?? 0)))
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => (right[column] === true ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)))
      .join('  ')
      .trimEnd()
  return [line(headings), ...rows.map(line)].join('\n')
}

/** Control characters of names and file contents, escaped, so that they cannot steer the terminal. */
export function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** A word of a command line as a shell would have to be given it. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`
}
