/** The contract of checkpoint stores, in the page and in a worker of it. */

import { memoryCheckpoints } from '../../adapters/memory-store.ts'
import { checkpointStoreContract } from '../contract/checkpoint-store-contract.ts'
import { journalContract } from '../contract/journal-contract.ts'
import { memoryStoreContract } from '../contract/memory-store-contract.ts'
import { runSuite, type SuiteResult } from '../support/portable-suite.ts'
import { journalLaws } from './journal-laws.ts'
import { sinkLaws } from './sink-laws.ts'
import { BROWSER_STORE, indexedDbPlace, lockless } from './store-places.ts'

memoryStoreContract('memory', memoryCheckpoints)
checkpointStoreContract('IndexedDB in a page', indexedDbPlace, BROWSER_STORE)
checkpointStoreContract('IndexedDB without Web Locks', lockless, { ...BROWSER_STORE, locksLiveOwners: false })
journalContract('IndexedDB without Web Locks', lockless)
journalContract('IndexedDB in a page', indexedDbPlace)
journalLaws()
sinkLaws()

function runSuiteInWorker(): Promise<SuiteResult> {
  const worker = new Worker('/store-worker.js', { type: 'module' })
  return new Promise((resolve, reject) => {
    worker.addEventListener('message', ({ data }: MessageEvent<SuiteResult>) => resolve(data))
    worker.addEventListener('error', ({ message }) => reject(new Error(message)))
    worker.postMessage('run')
  })
}

Object.assign(globalThis, { runSuite, runSuiteInWorker })
