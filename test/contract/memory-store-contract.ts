/**
 * The contract of checkpoint stores, for the one in memory: it lives as long as its object, has one owner, and nothing happens to its bytes.
 *
 * Before: a place that declares it, with the store of the sources or of the package. After: checkpoint-store-contract.ts.
 */

import type { CheckpointStore } from '../../runtime/checkpoint/checkpoint-store.ts'
import { checkpointStoreContract, type StorePlace } from './checkpoint-store-contract.ts'

export async function memoryPlace(memoryCheckpoints: () => CheckpointStore): Promise<StorePlace> {
  const store = memoryCheckpoints()
  return { restarted: () => store }
}

export function memoryStoreContract(name: string, memoryCheckpoints: () => CheckpointStore): void {
  checkpointStoreContract(name, () => memoryPlace(memoryCheckpoints), {
    locksLiveOwners: false,
    detectsLoss: false,
    canBeDamaged: false,
  })
}
