/** The contract of checkpoint stores, in a dedicated worker: there alone are access handles. */

import { checkpointStoreContract } from '../contract/checkpoint-store-contract.ts'
import { journalContract } from '../contract/journal-contract.ts'
import { runSuite } from '../support/portable-suite.ts'
import { BROWSER_STORE, indexedDbPlace, opfsPlace } from './store-places.ts'

checkpointStoreContract('IndexedDB in a worker', indexedDbPlace, BROWSER_STORE)
checkpointStoreContract('OPFS, slots of this run', () => opfsPlace(false), BROWSER_STORE)
checkpointStoreContract('OPFS, slots of an earlier run', () => opfsPlace(true), BROWSER_STORE)
journalContract('OPFS', () => opfsPlace(true))

globalThis.addEventListener('message', () => void runSuite().then((result) => postMessage(result)))
