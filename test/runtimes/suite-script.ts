/** The contracts of checkpoint stores, in the runtime that runs this bundle: prints as JSON what came of them. */

import { memoryCheckpoints } from '../../adapters/memory-store.ts'
import { diskPlace } from '../adapters/disk-store-support.ts'
import { checkpointStoreContract } from '../contract/checkpoint-store-contract.ts'
import { memoryStoreContract } from '../contract/memory-store-contract.ts'
import { runSuite } from '../support/portable-suite.ts'

checkpointStoreContract('disk', diskPlace, { locksLiveOwners: true, detectsLoss: true, canBeDamaged: true })
memoryStoreContract('memory', memoryCheckpoints)

console.log(JSON.stringify(await runSuite()))
