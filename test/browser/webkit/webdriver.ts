/**
 * WebKitGTK, driven by its own WebDriver on a display of its own: a smoke test of the third engine. It is not Safari.
 *
 * Before: WebKitWebDriver, xvfb and MiniBrowser are installed (.tools/programs.mjs). After: webkit.spec.
 *
 * Invariant: one session is one browser with an empty profile; when it is closed, none of its processes is left.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import process from 'node:process'
import { systemClock } from '../../../runtime/clock.ts'

const DRIVER = process.env['MILLRACE_WEBKIT'] ?? '/usr/bin/WebKitWebDriver'
const START_MS = 20_000
const SCRIPT_MS = 120_000

export interface WebKitOptions {
  /** Whether pages have SharedArrayBuffer. WebKitGTK leaves it out unless told otherwise, even where `crossOriginIsolated` is true. */
  readonly sharedMemory: boolean
}

export class WebKit {
  readonly #driver: ChildProcess
  readonly #base: string
  #session = ''

  private constructor(driver: ChildProcess, base: string) {
    this.#driver = driver
    this.#base = base
  }

  static async open({ sharedMemory }: WebKitOptions): Promise<WebKit> {
    const port = await freePort()
    const driver = spawn('xvfb-run', ['--auto-servernum', DRIVER, `--port=${port}`], {
      detached: true,
      stdio: 'ignore',
      env: { ...process.env, ...(sharedMemory ? { JSC_useSharedArrayBuffer: '1' } : {}) },
    })
    const webkit = new WebKit(driver, `http://127.0.0.1:${port}`)
    try {
      await webkit.#started()
      return webkit
    } catch (error) {
      await webkit.close()
      throw error
    }
  }

  async goto(url: string): Promise<void> {
    await this.#request('POST', '/url', { url })
  }

  /** Waits until something of this name is global: scripts of a page are modules, which run after it has loaded. */
  async waitFor(name: string): Promise<void> {
    await this.#run(`while (!(${JSON.stringify(name)} in globalThis)) await new Promise((resolve) => setTimeout(resolve, 20))`)
  }

  /** Calls a global function of the page. @returns what it gives, as JSON can carry it. */
  async call<Result>(name: string, ...args: readonly unknown[]): Promise<Result> {
    return JSON.parse(
      await this.#run(`return JSON.stringify(await globalThis[${JSON.stringify(name)}](...${JSON.stringify(args)}))`),
    ) as Result
  }

  async evaluate<Result>(expression: string): Promise<Result> {
    return JSON.parse(await this.#run(`return JSON.stringify(${expression})`)) as Result
  }

  async close(): Promise<void> {
    if (this.#session !== '') await this.#request('DELETE', '').catch(() => {})
    const { pid, exitCode } = this.#driver
    if (pid === undefined || exitCode !== null) return
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#driver.once('exit', resolve)
    process.kill(-pid, 'SIGTERM')
    await Promise.race([promise, systemClock.sleep(2_000)])
    try {
      process.kill(-pid, 'SIGKILL')
    } catch {
      // The group is gone.
    }
  }

  async #started(): Promise<void> {
    const end = systemClock.monotonic() + START_MS
    const capabilities = { alwaysMatch: { 'webkitgtk:browserOptions': { binary: miniBrowser(), args: ['--automation'] } } }
    for (;;) {
      try {
        const { sessionId } = (await this.#request('POST', '/session', { capabilities })) as { sessionId: string }
        this.#session = `/session/${sessionId}`
        break
      } catch (error) {
        // The driver does not listen yet.
        if (!(error instanceof TypeError) || systemClock.monotonic() > end) throw error
        await systemClock.sleep(100)
      }
    }
    await this.#request('POST', '/timeouts', { script: SCRIPT_MS })
  }

  async #run(body: string): Promise<string> {
    const script = `const done = arguments[arguments.length - 1]
      ;(async () => { ${body} })().then((value) => done({ value: value ?? null }), (error) => done({ error: String(error) + '\\n' + error.stack }))`
    const result = (await this.#request('POST', '/execute/async', { script, args: [] })) as { value?: string; error?: string }
    if (result.error !== undefined) throw new Error(`In WebKit: ${result.error}`)
    return result.value!
  }

  async #request(method: string, path: string, body?: object): Promise<unknown> {
    const response = await fetch(`${this.#base}${this.#session}${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const { value } = (await response.json()) as { value: { error?: string; message?: string } | null }
    if (value?.error !== undefined) throw new Error(`WebDriver: ${value.error}: ${value.message?.slice(0, 1_000)}`)
    return value
  }
}

/** Beside the library, in the folder of the machine's architecture. */
function miniBrowser(): string {
  const folders = readdirSync('/usr/lib').flatMap((name) => [`/usr/lib/${name}/webkit2gtk-4.1`, `/usr/lib/${name}/webkit2gtk-4.0`])
  const path = folders.map((folder) => join(folder, 'MiniBrowser')).find((file) => existsSync(file))
  if (path === undefined) throw new Error('MiniBrowser of WebKitGTK is missing: apt-get install webkit2gtk-driver')
  return path
}

async function freePort(): Promise<number> {
  const server = createServer()
  const { promise, resolve } = Promise.withResolvers<void>()
  server.listen(0, '127.0.0.1', resolve)
  await promise
  const { port } = server.address() as { port: number }
  server.close()
  return port
}
