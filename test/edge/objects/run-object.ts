/** The jobs of the browser's proof, unchanged, by `start` in a Durable Object with checkpoints in its storage: `POST /` with a job's name. */

import { durableObjectCheckpoints, type ObjectStorage } from 'millrace/edge'
import { type JobName, runJob } from '../../browser/jobs.ts'

export class Runs {
  readonly #storage: ObjectStorage & { deleteAll(): Promise<void> }

  constructor(context: { readonly storage: ObjectStorage & { deleteAll(): Promise<void> } }) {
    this.#storage = context.storage
  }

  async fetch(request: Request): Promise<Response> {
    const { name, parallelism } = (await request.json()) as { name: JobName; parallelism: number }
    await this.#storage.deleteAll()
    return Response.json(await runJob(name, { host: 'auto', parallelism, store: durableObjectCheckpoints(this.#storage) }))
  }
}

interface Environment {
  readonly RUNS: { idFromName(name: string): unknown; get(id: unknown): { fetch(request: Request): Promise<Response> } }
}

export default {
  fetch: (request: Request, { RUNS }: Environment) => RUNS.get(RUNS.idFromName('runs')).fetch(request),
}
