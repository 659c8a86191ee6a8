/** `millrace/react`: results of a job in React components; needs the package `react`. Re-exports only. */

export { useJobStatus } from './react/use-job-status.ts'
export { useStream, type UseStreamOptions } from './react/use-stream.ts'
