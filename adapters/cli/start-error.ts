/** Marks an error as one that kept a job from starting: nothing was read, so the remedy lies with whoever gave the arguments. */
export class StartError extends Error {
  readonly reason: unknown

  constructor(reason: unknown) {
    super(reason instanceof Error ? reason.message : String(reason))
    this.name = 'StartError'
    this.reason = reason
  }
}
