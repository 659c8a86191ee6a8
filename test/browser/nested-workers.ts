/**
 * Workers that make workers, in Firefox under a driver.
 *
 * Whatever listens to its workers there (a driver as well as the developer tools) is told of each new one on the page's thread, and the worker
 * that makes it waits for that. The wake-up can go to the new thread instead, and then `new Worker` never returns (Firefox 153: once in some
 * thirty times here, never in 300 without a listener). The job worker is lost then, as connect() finds out, and is replaced.
 */

/** How often a job worker that makes kernel workers may have to be replaced. */
export function restartsMax(browserName: string): number {
  return browserName === 'firefox' ? 3 : 0
}
