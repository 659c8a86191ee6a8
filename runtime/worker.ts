/** `millrace/worker`: a whole job in a worker of its own, so that the page's thread does nothing but draw. Re-exports only. */

export { type ServeContext, serve } from './job-worker/serve.ts'
