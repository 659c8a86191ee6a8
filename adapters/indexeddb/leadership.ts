/**
 * Who leads where several tabs and workers run the same job: the holder of a Web Lock, as long as it shows life.
 *
 * Before: indexeddb-store, at `open`. After: the browser's lock manager, and the store, where the leader leaves its sign of life.
 * The lock alone does not do: a frozen tab keeps it for ever, and a lock that was stolen is lost without the loser being awake to hear of it. So
 * who waits asks on a BroadcastChannel, and the leader answers by a write into the store; who does not answer for `stealAfter` is frozen, hung or
 * gone, and loses the lock. Asking instead of timers: those of hidden pages run once a minute, messages do not wait. What the channel carries is
 * a hint only, whoever sends it; that a leader is over is decided by the epoch in the store, in each of its transactions.
 *
 * Where there are no Web Locks (pages without HTTPS, old browsers) nobody is refused: the higher epoch wins at once.
 *
 * Invariant: silence is counted in polls of the one who waits, each worth at most its own length; so a machine that slept makes nobody silent.
 */

import type { Clock } from '../../runtime/clock.ts'
import { JobStateError } from '../../runtime/errors.ts'
import { race } from '../../runtime/race.ts'

/**
 * What `open` does when another tab or worker leads the job. `refuse`: `JOB_LOCKED`. `wait`: resolves when that one is gone, or has shown no life
 * for `stealAfter`. `steal`: takes over at once; the other one ends with `JOB_FENCED`.
 */
export type Leadership = 'refuse' | 'wait' | 'steal'

export interface LeadershipOptions {
  /** Of the lock and the channel. */
  readonly name: string
  readonly leadership: Leadership
  readonly stealAfterMs: number
  readonly clock: Clock
  readonly locks: LockManager | undefined
  /** The leader's last sign of life in the store; another value means that it lives. */
  readonly beat: () => Promise<string>
}

const ASK = 'who leads?'
/** A worker that was terminated keeps its lock for up to 2 s in Chromium: so long a silent holder is not taken for a leader. */
const GRACE_MS = 3_000
/** Claiming an epoch is a transaction or two. */
const CLAIM_DEADLINE_MS = 3_000
const REFUSE_POLL_MS = 50
const WAIT_POLL_MS_MAX = 1_000

/** Leadership that was won; it lasts until it is released or stolen. */
export class Lease {
  readonly #held: HeldLock | null
  readonly #settled: () => void
  #channel: BroadcastChannel | null = null

  constructor(held: HeldLock | null, settled: () => void = () => {}) {
    this.#held = held
    this.#settled = settled
  }

  /** Whether somebody else has taken the lock. */
  get isLost(): boolean {
    return this.#held?.isLost ?? false
  }

  /** Calls back as soon as somebody else has taken the lock. */
  onLost(callback: () => void): void {
    this.#held?.onLost(callback)
  }

  /**
   * From here on whoever asks gets an answer: `beat` writes a sign of life. It goes through a timer, because that is what stands still in a frozen
   * page of Chromium, and a job with it, while messages and databases go on. Started by a message, a timer waits 1 s at most in a hidden page.
   */
  answer(name: string, clock: Clock, beat: () => Promise<void>): void {
    if (this.#held === null || typeof BroadcastChannel === 'undefined') return
    let isBeating = false
    this.#channel = new BroadcastChannel(name)
    this.#channel.addEventListener('message', ({ data }) => {
      if (data !== ASK || isBeating) return
      isBeating = true
      clock
        .sleep(0)
        .then(beat)
        .catch(() => {})
        .finally(() => {
          isBeating = false
        })
    })
  }

  /** The epoch is claimed, or will not be: others that want to steal may look again. */
  settle(): void {
    this.#settled()
  }

  async release(): Promise<void> {
    this.#settled()
    this.#channel?.close()
    this.#channel = null
    await this.#held?.release()
  }
}

/** Wins the leadership, or refuses. @throws JobStateError `JOB_LOCKED` (retryable) */
export async function lead(options: LeadershipOptions): Promise<Lease> {
  const { leadership, locks } = options
  if (locks === undefined) return new Lease(null)
  if (leadership === 'steal') return await steal(options, await claimRight(options))
  for (;;) {
    try {
      return await leadInPeace(options, locks)
    } catch (error) {
      // Stolen at the moment at which it was granted: who waits goes on waiting.
      if (leadership !== 'wait' || !(error instanceof JobStateError)) throw error
    }
  }
}

async function leadInPeace(options: LeadershipOptions, locks: LockManager): Promise<Lease> {
  const { name, leadership } = options
  const free = await hold(locks, name, { ifAvailable: true })
  if (free !== null) return await settled(options, free)
  const waiting = new Waiting(options, locks)
  try {
    return leadership === 'wait' ? await waiting.untilGoneOrSilent() : await waiting.refused()
  } finally {
    waiting.close()
  }
}

/**
 * The right to claim the next epoch, which one at a time has: who steals takes it before, who got the lock in peace takes it afterwards and looks
 * whether the lock is still there. So epochs are claimed in the order of the lock, and its last holder is the one that is not fenced. A holder of
 * the right that does not move is passed over.
 */
async function claimRight({ locks, name, clock }: LeadershipOptions): Promise<HeldLock | null> {
  const isLate = new AbortController()
  const isHeld = new AbortController()
  void clock.sleep(CLAIM_DEADLINE_MS, isHeld.signal).then(() => isLate.abort())
  try {
    return await hold(locks!, `${name}/claim`, { signal: isLate.signal })
  } catch {
    return await hold(locks!, `${name}/claim`, { steal: true })
  } finally {
    isHeld.abort()
  }
}

/** The lease of a lock that was got in peace. @throws JobStateError `JOB_LOCKED` when it was stolen meanwhile. */
async function settled(options: LeadershipOptions, held: HeldLock): Promise<Lease> {
  const right = await claimRight(options)
  if (!held.isLost) return new Lease(held, () => void right?.release())
  void right?.release()
  throw locked(options.name)
}

async function steal(options: LeadershipOptions, right: HeldLock | null): Promise<Lease> {
  return new Lease(await hold(options.locks!, options.name, { steal: true }), () => void right?.release())
}

function locked(name: string): JobStateError {
  return new JobStateError(
    'JOB_LOCKED',
    `Cannot open ${name}: another tab or worker of this site runs this job; close it, or open with leadership 'wait' or 'steal'`,
    { retryable: true, details: { store: name } },
  )
}

/** A place in the queue for the lock, and a watch over the one who holds it. */
class Waiting {
  readonly #options: LeadershipOptions
  readonly #locks: LockManager
  readonly #leave = new AbortController()
  readonly #granted: Promise<HeldLock | null>
  readonly #channel: BroadcastChannel | null
  #lastBeat: string | null = null
  #isTaken = false

  constructor(options: LeadershipOptions, locks: LockManager) {
    this.#options = options
    this.#locks = locks
    this.#granted = hold(locks, options.name, { signal: this.#leave.signal }).catch(() => null)
    this.#channel = typeof BroadcastChannel === 'undefined' ? null : new BroadcastChannel(options.name)
  }

  /** Resolves once the holder is gone, or stolen from because it was silent. */
  async untilGoneOrSilent(): Promise<Lease> {
    const { stealAfterMs } = this.#options
    const pollMs = Math.min(WAIT_POLL_MS_MAX, Math.max(10, stealAfterMs / 4))
    let silentMs = 0
    for (;;) {
      const held = await this.#grantedWithin(pollMs)
      if (held !== null) return await settled(this.#options, held)
      silentMs = (await this.#livesStill()) ? 0 : silentMs + pollMs
      if (silentMs < stealAfterMs) continue
      const lease = await this.#stealAlone()
      if (lease !== null) return lease
      silentMs = 0
    }
  }

  /** Refuses when the holder lives, or does not go within the grace. */
  async refused(): Promise<Lease> {
    for (let waitedMs = 0; waitedMs < GRACE_MS; waitedMs += REFUSE_POLL_MS) {
      const held = await this.#grantedWithin(REFUSE_POLL_MS)
      if (held !== null) return await settled(this.#options, held)
      if (await this.#livesStill()) break
    }
    const held = await this.#leaveQueue()
    if (held !== null) return await settled(this.#options, held)
    throw locked(this.#options.name)
  }

  /** Leaves the queue; a lock that comes all the same, and that nobody took, is given back. */
  close(): void {
    this.#channel?.close()
    this.#leave.abort()
    void this.#granted.then((held) => {
      if (!this.#isTaken) void held?.release()
    })
  }

  async #grantedWithin(ms: number): Promise<HeldLock | null> {
    this.#channel?.postMessage(ASK)
    const isOver = new AbortController()
    const tick = this.#options.clock.sleep(ms, isOver.signal).then(() => null)
    try {
      return this.#taken(await race([this.#granted, tick]))
    } finally {
      isOver.abort()
    }
  }

  /** Whether the holder has shown life since the last look; at the first look nothing is known. */
  async #livesStill(): Promise<boolean> {
    const beat = await this.#options.beat()
    const lives = this.#lastBeat !== null && beat !== this.#lastBeat
    this.#lastBeat = beat
    return lives
  }

  /** Steals, unless another one is claiming: until that one has, its victim's silence would be held against it. */
  async #stealAlone(): Promise<Lease | null> {
    const right = await hold(this.#locks, `${this.#options.name}/claim`, { ifAvailable: true })
    if (right === null) return null
    const held = await this.#leaveQueue()
    return held === null ? await steal(this.#options, right) : new Lease(held, () => void right.release())
  }

  /** @returns the lock when it was granted before we left. */
  async #leaveQueue(): Promise<HeldLock | null> {
    this.#leave.abort()
    return this.#taken(await this.#granted)
  }

  #taken(held: HeldLock | null): HeldLock | null {
    this.#isTaken ||= held !== null
    return held
  }
}

interface HeldLock {
  readonly isLost: boolean
  onLost(callback: () => void): void
  release(): Promise<void>
}

/** Holds a lock until it is released; null when it was to be had at once and was not. Rejects when the request is given up. */
function hold(locks: LockManager, name: string, options: LockOptions): Promise<HeldLock | null> {
  return new Promise((resolve, reject) => {
    const released = Promise.withResolvers<void>()
    const listeners: (() => void)[] = []
    let isLost = false
    const over = locks
      .request(name, options, (lock) => {
        if (lock === null) {
          resolve(null)
          return
        }
        resolve({
          get isLost() {
            return isLost
          },
          onLost: (callback) => (isLost ? callback() : void listeners.push(callback)),
          release: () => {
            released.resolve()
            return over
          },
        })
        return released.promise
      })
      .then(
        () => {},
        (error: unknown) => {
          // Before the grant: given up. After it: stolen.
          isLost = true
          reject(error)
          for (const listener of listeners) listener()
        },
      )
  })
}
