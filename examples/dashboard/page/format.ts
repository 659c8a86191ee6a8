/** Numbers and times as the page writes them: the same width for the same size, so that nothing jumps. */

const whole = new Intl.NumberFormat('en-US')
const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' })

export function formatCount(value: number): string {
  return whole.format(Math.round(value))
}

/** 950, 12.4k, 3.1M: for places that are too narrow. */
export function formatShort(value: number): string {
  if (value < 10_000) return whole.format(Math.round(value))
  if (value < 999_500) return `${(value / 1000).toPrecision(value < 99_950 ? 3 : 3)}k`
  return `${(value / 1e6).toPrecision(3)}M`
}

const seconds = new Map<number, string>()

/** Hours, minutes, seconds. What was asked for is remembered for a while: pictures ask for the same moments in every frame. */
export function formatClock(ms: number): string {
  const second = Math.floor(ms / 1000)
  let text = seconds.get(second)
  if (text === undefined) {
    if (seconds.size > 500) seconds.clear()
    text = clock.format(second * 1000)
    seconds.set(second, text)
  }
  return text
}

/** Hours, minutes, seconds and tenths. */
export function formatMoment(ms: number): string {
  return `${formatClock(ms)}.${Math.floor((((ms % 1000) + 1000) % 1000) / 100)}`
}

export function formatWindow(startMs: number, endMs: number): string {
  return `${formatClock(startMs)}–${formatClock(endMs).slice(6)}`
}

export function formatDuration(ms: number): string {
  if (ms < 1) return '< 1 ms'
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`
  const minutes = Math.floor(ms / 60_000)
  return minutes < 120 ? `${minutes} min ${Math.round((ms % 60_000) / 1000)} s` : `${Math.round(minutes / 60)} h`
}

export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${Math.round(bytes)} B`
  if (bytes < 999_500) return `${(bytes / 1000).toPrecision(3)} kB`
  return `${(bytes / 1e6).toPrecision(3)} MB`
}

export function formatCelsius(value: number): string {
  return value.toFixed(1).replace('-', '−')
}

/** Text of an element, written only when it changes: screen readers and layout notice every write. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text
}

/** Hides an element or shows it, written only when it changes. */
export function setHidden(element: HTMLElement, isHidden: boolean): void {
  if (element.hidden !== isHidden) element.hidden = isHidden
}

export function byId<T extends Element = HTMLElement>(id: string): T {
  const found = document.getElementById(id)
  if (found === null) throw new Error(`The page has no element #${id}`)
  return found as unknown as T
}
