/** Serves a built dashboard and, unless it is static, feeds it. */
export function serveDashboard(options: {
  readonly port: number
  readonly folder: string
  readonly isStatic?: boolean
  readonly isIsolated?: boolean
}): Promise<{ readonly url: string; close(): void }>
