/**
 * The errors a caller can meet, divided by what the caller does next.
 *
 * `code` is stable within a major version and is what programs test; the message may change. Errors cross threads as plain
 * data ({@link errorToData}), because structured clone keeps neither class nor code.
 */

export type ErrorDetails = Readonly<Record<string, unknown>>

export interface MillraceErrorOptions {
  readonly retryable?: boolean
  readonly details?: ErrorDetails
  readonly cause?: unknown
}

/** Base of all errors thrown by Millrace. */
export class MillraceError extends Error {
  override readonly name: string
  /** Stable name of the condition, such as `WINDOW_SIZE_INVALID`. */
  readonly code: string
  /** Whether the same call may succeed later without a change by the caller. */
  readonly retryable: boolean
  /** Numbers and identifiers that belong to the condition. */
  readonly details: ErrorDetails

  constructor(code: string, message: string, options: MillraceErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    // Not the class's own name: bundlers change those.
    this.name = 'MillraceError'
    this.code = code
    this.retryable = options.retryable ?? false
    this.details = options.details ?? {}
  }
}

/** The declaration or the page's headers must be corrected. */
export class ConfigError extends MillraceError {
  override readonly name = 'ConfigError'
}
/** The data must be corrected or diverted. */
export class RecordError extends MillraceError {
  override readonly name = 'RecordError'
}
/** A checkpoint cannot be written or read: retry if `retryable`, else choose an older one. */
export class CheckpointError extends MillraceError {
  override readonly name = 'CheckpointError'
}
/** The job is closed, fenced or owned by somebody else: stop, or start a new job. */
export class JobStateError extends MillraceError {
  override readonly name = 'JobStateError'
}
/** A source or sink of the outer world failed: look at `cause`. */
export class ConnectorError extends MillraceError {
  override readonly name = 'ConnectorError'
}
/** A defect of Millrace: the job is dead; report it. */
export class KernelError extends MillraceError {
  override readonly name = 'KernelError'
}

/** What the code of a source or sink throws, as one of our errors: those it may throw as they are. */
export function connectorError(kind: 'source' | 'sink', name: string, error: unknown): MillraceError {
  if (error instanceof MillraceError) return error
  const [code, subject] = kind === 'source' ? ['SOURCE_FAILED', 'Source'] : ['SINK_FAILED', 'Sink']
  const message = error instanceof Error ? error.message : String(error)
  return new ConnectorError(code, `${subject} ${name} failed: ${message}`, { cause: error })
}

const classes = { ConfigError, RecordError, CheckpointError, JobStateError, ConnectorError, KernelError }

/** An error as plain data, for messages between threads. */
export interface ErrorData {
  readonly name: string
  readonly code: string
  readonly message: string
  readonly retryable: boolean
  readonly details: ErrorDetails
  readonly stack: string | undefined
}

export function errorToData(error: unknown): ErrorData {
  if (error instanceof MillraceError) {
    return {
      name: error.name,
      code: error.code,
      message: error.message,
      retryable: error.retryable,
      details: error.details,
      stack: error.stack,
    }
  }
  const plain = error instanceof Error ? error : new Error(String(error))
  return { name: plain.name, code: 'UNEXPECTED', message: plain.message, retryable: false, details: {}, stack: plain.stack }
}

export function errorFromData(data: ErrorData): MillraceError {
  const Class = classes[data.name as keyof typeof classes] ?? MillraceError
  const error = new Class(data.code, data.message, { retryable: data.retryable, details: data.details })
  if (data.stack !== undefined) error.stack = data.stack
  return error
}
