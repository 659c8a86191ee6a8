/** Parts of the engine that most jobs need, where a page or a program downloads what it uses: each when it is asked for. */

export const engine = () => import('../engine.ts')
export const tiers = () => import('../host/tiers.ts')
export const checkpointing = () => import('../coordinator/checkpointing.ts')
export const supervision = () => import('../coordinator/supervisor.ts')
