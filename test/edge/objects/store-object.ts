/** A Durable Object that runs the contracts of stores on its own storage: `GET /` answers what came of them. */

import { memoryCheckpoints } from 'millrace/edge'
import { checkpointStoreContract } from '../../contract/checkpoint-store-contract.ts'
import { journalContract } from '../../contract/journal-contract.ts'
import { memoryStoreContract } from '../../contract/memory-store-contract.ts'
import { runSuite } from '../../support/portable-suite.ts'
import { declareObjectStoreLaws, objectPlace, type TestStorage } from '../object-store-laws.ts'

export class Stores {
  readonly #storage: TestStorage

  constructor(context: { readonly storage: TestStorage }) {
    this.#storage = context.storage
  }

  async fetch(): Promise<Response> {
    checkpointStoreContract('durable object', () => objectPlace(this.#storage), {
      locksLiveOwners: false,
      detectsLoss: true,
      canBeDamaged: true,
    })
    memoryStoreContract('memory, in workerd', memoryCheckpoints)
    declareObjectStoreLaws(this.#storage)
    journalContract('durable object', () => objectPlace(this.#storage))
    return Response.json(await runSuite())
  }
}

interface Environment {
  readonly STORES: { idFromName(name: string): unknown; get(id: unknown): { fetch(request: Request): Promise<Response> } }
}

export default {
  fetch: (request: Request, { STORES }: Environment) => STORES.get(STORES.idFromName('stores')).fetch(request),
}
