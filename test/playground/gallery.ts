/** The gallery as tests need it: each example with the job that its program exports. */

import type { Job } from 'millrace'
import { EXAMPLES, type Example } from '../../examples/playground/gallery/examples.ts'

export interface Shown extends Example {
  readonly job: Job
}

export async function gallery(): Promise<readonly Shown[]> {
  return Promise.all(
    EXAMPLES.map(async (example) => {
      const module = (await import(`../../examples/playground/gallery/programs/${example.id}.ts`)) as { readonly default: Job }
      return { ...example, job: module.default }
    }),
  )
}
