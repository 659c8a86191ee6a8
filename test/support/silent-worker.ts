/** A script that is loaded and serves nothing. */

import { parentPort } from 'node:worker_threads'

parentPort!.on('message', () => {})
