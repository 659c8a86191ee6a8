/**
 * Server-sent events out of text: the parser of the WHATWG's text/event-stream.
 *
 * Before: event-source decodes the bytes of a response. After: event-source, which delivers what {@link EventStreamParser.push} gives.
 *
 * Invariant: what comes out does not depend on where the text was cut; an event that is cut off by the end of the text is never given.
 */

/** An event that is complete. */
export interface ServerEvent {
  readonly type: string
  readonly data: string
  /** The last id that the stream had named by then; null when it has named none. */
  readonly id: string | null
}

export class EventStreamParser {
  #rest = ''
  /** The text so far ended in a carriage return: a newline at the beginning of the next belongs to it. */
  #endedInReturn = false
  #isBeginning = true
  #data: string[] = []
  #type = ''
  #id: string | null
  /** What the server has said about when to come back, ms. */
  retryMs: number | null = null
  /** Characters of the event that is not complete. */
  pendingLength = 0

  /** @param id - The id behind which the stream was asked for. */
  constructor(id: string | null) {
    this.#id = id
  }

  /** The events that are complete with this piece of text. */
  push(text: string): ServerEvent[] {
    let piece = text
    if (this.#isBeginning && piece !== '') {
      this.#isBeginning = false
      if (piece.charCodeAt(0) === 0xfeff) piece = piece.slice(1)
    }
    if (this.#endedInReturn && piece !== '') {
      if (piece.charCodeAt(0) === 0x0a) piece = piece.slice(1)
      this.#endedInReturn = false
    }
    if (piece.endsWith('\r')) this.#endedInReturn = true
    // Lines end in CR LF, LF or CR.
    const lines = (this.#rest + piece).split(/\r\n|\n|\r/)
    this.#rest = lines.pop()!
    const events: ServerEvent[] = []
    for (const line of lines) this.#line(line, events)
    this.pendingLength = this.#rest.length + this.#data.reduce((sum, { length }) => sum + length, 0)
    return events
  }

  #line(line: string, events: ServerEvent[]): void {
    if (line === '') return this.#dispatch(events)
    const colon = line.indexOf(':')
    if (colon === 0) return
    const field = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(line.charCodeAt(colon + 1) === 0x20 ? colon + 2 : colon + 1)
    switch (field) {
      case 'data':
        this.#data.push(value)
        break
      case 'event':
        this.#type = value
        break
      case 'id':
        if (!value.includes('\0')) this.#id = value
        break
      case 'retry':
        if (/^\d+$/.test(value)) this.retryMs = Number(value)
        break
      default:
      // Fields of other names are passed over, as the standard says.
    }
  }

  #dispatch(events: ServerEvent[]): void {
    if (this.#data.length > 0) events.push({ type: this.#type === '' ? 'message' : this.#type, data: this.#data.join('\n'), id: this.#id })
    this.#data = []
    this.#type = ''
  }
}
