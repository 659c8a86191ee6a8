/** The jobs of the browser's proof, unchanged, by `start` in a Durable Object with checkpoints in its storage: `POST /` with a job's name. */

import { durableObjectCheckpoints, type ObjectStorage } from 'millrace/edge'
import { type JobName, runJob, type RunOptions } from '../../browser/jobs.ts'

export class Runs {
  readonly #storage: ObjectStorage & { deleteAll(): Promise<void> }

  constructor(context: { readonly storage: ObjectStorage & { deleteAll(): Promise<void> } }) {
    this.#storage = context.storage
  }

  async fetch(request: Request): Promise<Response> {
    const { name, parallelism, host } = (await request.json()) as Pick<RunOptions, 'parallelism' | 'host'> & { name: JobName }
    await this.#storage.deleteAll()
    try {
      return Response.json(await runJob(name, { host, parallelism, store: durableObjectCheckpoints(this.#storage) }))
    } catch (error) {
      const { code, message } = error as { code?: string; message: string }
      return Response.json({ code, message }, { status: 500 })
    }
  }
}

interface Environment {
  readonly RUNS: { idFromName(name: string): unknown; get(id: unknown): { fetch(request: Request): Promise<Response> } }
}

export default {
  fetch: (request: Request, { RUNS }: Environment) => RUNS.get(RUNS.idFromName('runs')).fetch(request),
}
