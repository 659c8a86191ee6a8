/** The contract of checkpoint stores, in the page. */

import { memoryCheckpoints } from 'millrace/browser'
import { checkpointStoreContract } from '../contract/checkpoint-store-contract.ts'
import { runSuite } from '../support/portable-suite.ts'

checkpointStoreContract(
  'memory',
  async () => {
    const store = memoryCheckpoints()
    return { restarted: () => store }
  },
  { locksLiveOwners: false, detectsLoss: false, canBeDamaged: false },
)

Object.assign(globalThis, { runSuite })
