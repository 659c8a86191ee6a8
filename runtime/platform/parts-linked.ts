/**
 * The parts of parts-on-demand.ts for edge runtimes, which get a worker as a whole: linked into it. What a bundler puts behind a dynamic import is parsed once more
 * there, when a request waits for it. Hosts with workers are left out, since there are none.
 */

import * as supervisor from '../coordinator/supervisor.ts'
import * as checkpoints from '../coordinator/checkpointing.ts'
import * as jobs from '../engine.ts'

export const engine = () => jobs
export const tiers = () => null
export const checkpointing = () => checkpoints
export const supervision = () => supervisor
