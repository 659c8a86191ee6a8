/** The sinks of the job under faults. */
export const FAULT_SINKS = ['minutes', 'late'] as const
