/** Builds the dashboard into a folder. @returns compressed bytes of the dashboard's own files and of Millrace, and bytes of the typeface. */
export function buildDashboard(folder?: string): Promise<{ readonly own: number; readonly library: number }>
