/** Places without workers, such as edge runtimes: everything runs inline. */

import { ConfigError } from '../errors.ts'
import type { Platform } from './platform.ts'

function refuse(): never {
  throw new ConfigError('WORKERS_UNAVAILABLE', "Cannot start a worker: this runtime has none; use host: 'inline'")
}

export const platform: Platform = {
  name: 'none',
  hasWorkers: false,
  canShare: false,
  whyNot: 'there are no workers here',
  coreCount: 1,
  spawn: refuse,
  adopt: refuse,
}
