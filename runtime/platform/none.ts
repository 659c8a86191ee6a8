/** Places without workers, such as edge runtimes: everything runs inline. */

import { ConfigError } from '../errors.ts'
import type { Platform } from './platform.ts'

export const platform: Platform = {
  name: 'none',
  canShare: false,
  whyNot: 'there are no workers here',
  coreCount: 1,
  spawn() {
    throw new ConfigError('WORKERS_UNAVAILABLE', "Cannot start a worker: this runtime has none; use host: 'inline'")
  },
}
