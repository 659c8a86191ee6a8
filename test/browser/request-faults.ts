/**
 * IndexedDB that fails at the Nth request: the browser's own, with its calls wrapped.
 *
 * Before: faults-page. After: the real database; what fails leaves it as a real failure would.
 *
 * Invariant: requests are numbered from 0 in the order of the calls, `open` and `transaction` included.
 */

/**
 * `throw`: the call throws. `abort`: the request is placed, and its transaction given up. `close`: so is the whole connection, as when the storage
 * process is restarted. `hang`: `open` is never answered.
 */
export type Effect = 'throw' | 'abort' | 'close' | 'hang'

/** Asked at every call; null lets it pass. */
export type FaultPlan = (index: number, method: string, argument: unknown) => Effect | null

type Method = (this: unknown, ...args: unknown[]) => unknown

const STORE_METHODS = ['get', 'getAll', 'getAllKeys', 'count', 'put', 'delete'] as const

export class RequestFaults {
  count = 0
  readonly #plan: FaultPlan
  readonly #undo: (() => void)[] = []
  readonly #hanging: IDBOpenDBRequest[] = []

  constructor(plan: FaultPlan) {
    this.#plan = plan
  }

  install(): void {
    const wrap = (
      prototype: object,
      name: string,
      failing: (effect: Effect, original: Method, self: unknown, args: unknown[]) => unknown,
    ) => {
      const original = Reflect.get(prototype, name) as Method
      const effectOf = (args: unknown[]) => this.#plan(this.count++, name, args[0])
      Reflect.set(prototype, name, function (this: unknown, ...args: unknown[]) {
        const effect = effectOf(args)
        if (effect === null) return original.apply(this, args)
        if (effect === 'throw') throw new DOMException(`injected into ${name}`, 'UnknownError')
        return failing(effect, original, this, args)
      })
      this.#undo.push(() => Reflect.set(prototype, name, original))
    }
    wrap(IDBFactory.prototype, 'open', (effect, original, self, args) => {
      if (effect !== 'hang') throw new DOMException('injected into open', 'UnknownError')
      const request = original.apply(self, args) as IDBOpenDBRequest
      for (const type of ['success', 'error', 'blocked', 'upgradeneeded'])
        request.addEventListener(type, (event) => event.stopImmediatePropagation())
      this.#hanging.push(request)
      return request
    })
    wrap(IDBDatabase.prototype, 'transaction', (effect, original, self, args) => {
      if (effect === 'close') (self as IDBDatabase).close()
      const transaction = original.apply(self, args) as IDBTransaction
      transaction.abort()
      return transaction
    })
    for (const name of STORE_METHODS) {
      wrap(IDBObjectStore.prototype, name, (effect, original, self, args) => {
        const request = original.apply(self, args)
        const { transaction } = self as IDBObjectStore
        if (effect === 'close') transaction.db.close()
        transaction.abort()
        return request
      })
    }
  }

  uninstall(): void {
    for (const undo of this.#undo.splice(0)) undo()
    for (const request of this.#hanging.splice(0)) {
      if (request.readyState === 'done') request.result.close()
      else request.addEventListener('success', () => request.result.close())
    }
  }
}
