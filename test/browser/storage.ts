/**
 * The hand of a test in a page: sends commands and expects their answers.
 *
 * Before: the specs of stores. After: storage-page.
 */

import { type BrowserContext, expect, type Page as PlaywrightPage } from '@playwright/test'
import type { Answer, CommandName, commands } from './storage-commands.ts'

declare const order: (where: string, name: CommandName, args: readonly unknown[]) => Promise<Answer>
declare const terminate: (where: string) => void

/** How often random or timed tests repeat; `MILLRACE_RUNS`, 3 by default. */
export const RUNS = Number(process.env['MILLRACE_RUNS'] ?? 3)

type Commands = typeof commands

/** What a hand needs of a page, of Playwright or Puppeteer. */
export interface DrivenPage {
  goto(url: string): Promise<unknown>
  reload(): Promise<unknown>
  waitForFunction(expression: string): Promise<unknown>
  evaluate(run: (argument: Order) => Promise<Answer>, argument: Order): Promise<Answer>
}

type Order = readonly [where: string, name: CommandName, args: readonly unknown[]]

/** A page or a worker of it. */
export class Actor<P extends DrivenPage = PlaywrightPage> {
  readonly page: P
  readonly where: string

  constructor(page: P, where = 'page') {
    this.page = page
    this.where = where
  }

  static async in(context: BrowserContext): Promise<Actor> {
    return await Actor.at(await context.newPage(), '/storage')
  }

  static async at<P extends DrivenPage>(page: P, url: string): Promise<Actor<P>> {
    await page.goto(url)
    await page.waitForFunction('globalThis.order')
    return new Actor(page)
  }

  /** A worker of this page. */
  worker(name: string): Actor<P> {
    return new Actor(this.page, name)
  }

  /** The answer as it comes. */
  async try<N extends CommandName>(name: N, ...args: Parameters<Commands[N]>): Promise<Answer<Awaited<ReturnType<Commands[N]>>>> {
    const given: Order = [this.where, name, args]
    const answer: unknown = await this.page.evaluate(([where, of, with_]) => order(where, of, with_), given)
    return answer as Answer<Awaited<ReturnType<Commands[N]>>>
  }

  /** The value, or the test fails. */
  async do<N extends CommandName>(name: N, ...args: Parameters<Commands[N]>): Promise<Awaited<ReturnType<Commands[N]>>> {
    const answer = await this.try(name, ...args)
    if ('code' in answer) throw new Error(`${name} failed: ${answer.code} ${answer.message}`)
    return answer.value
  }

  /** The command must fail with this code. */
  async refused<N extends CommandName>(
    code: string,
    name: N,
    ...args: Parameters<Commands[N]>
  ): Promise<{ message: string; retryable: boolean }> {
    const answer = await this.try(name, ...args)
    expect(answer).toMatchObject({ code })
    return answer as { message: string; retryable: boolean }
  }

  async reload(): Promise<void> {
    await this.page.reload()
    await this.page.waitForFunction('globalThis.order')
  }

  async terminate(): Promise<void> {
    await this.page.evaluate(async ([where]) => ({ value: terminate(where) }), [this.where, 'close', []])
  }
}

let nameCount = 0
export const newName = () => `store-${process.pid}-${nameCount++}-${Date.now()}`
