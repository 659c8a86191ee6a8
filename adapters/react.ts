/** `millrace/react`: results of a job in React components; needs the package `react`. Re-exports only. */

export {}
