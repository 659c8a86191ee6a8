/** The contract of checkpoint stores, in the page. */

import { memoryCheckpoints } from '../../adapters/memory-store.ts'
import { checkpointStoreContract } from '../contract/checkpoint-store-contract.ts'
import { runSuite } from '../support/portable-suite.ts'
import { BROWSER_STORE, indexedDbPlace } from './store-places.ts'

checkpointStoreContract(
  'memory',
  async () => {
    const store = memoryCheckpoints()
    return { restarted: () => store }
  },
  { locksLiveOwners: false, detectsLoss: false, canBeDamaged: false },
)
checkpointStoreContract('IndexedDB in a page', indexedDbPlace, BROWSER_STORE)

Object.assign(globalThis, { runSuite })
