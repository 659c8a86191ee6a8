import { describe, expect, test } from 'vitest'
import v8 from 'node:v8'
import { race } from '../../runtime/race.ts'

const later = <T>(value: T) => new Promise<T>((resolve) => setImmediate(resolve, value))
const never = () => new Promise<never>(() => {})
const promises = () => v8.queryObjects(Promise, { format: 'count' })

describe('a race', () => {
  test('settles as the first does, by value or by error', async () => {
    expect(await race([never(), later(1)])).toBe(1)
    expect(await race([Promise.resolve('first'), Promise.resolve('second')])).toBe('first')
    await expect(race([never(), Promise.reject(new Error('lost'))])).rejects.toThrow('lost')
    await expect(race([Promise.reject(new Error('lost')), Promise.resolve(1)])).rejects.toThrow('lost')
  })

  test('takes a promise again that has settled meanwhile', async () => {
    const { promise, resolve } = Promise.withResolvers<string>()
    expect(await race([promise, later('answer')])).toBe('answer')
    resolve('end')
    await promise
    expect(await race([never(), promise])).toBe('end')
    expect(await race([promise, later('answer')])).toBe('end')
  })

  test('reaches all races that a promise is in', async () => {
    const { promise, reject } = Promise.withResolvers<never>()
    const races = [race([promise, never()]), race([never(), promise]), race([promise, promise])]
    reject(new Error('lost'))
    for (const result of await Promise.allSettled(races)) expect(result).toMatchObject({ status: 'rejected', reason: { message: 'lost' } })
  })

  test('leaves nothing behind on a promise that goes on', async () => {
    const lost = never()
    await race([lost, later(0)])
    const before = promises()
    for (let count = 0; count < 1_000; count++) await race([lost, Promise.resolve(count)])
    expect(promises() - before).toBeLessThan(50)
    // What it stands for does leave something, so that this test can see it.
    const plain = never()
    for (let count = 0; count < 1_000; count++) await Promise.race([plain, Promise.resolve(count)])
    expect(promises() - before).toBeGreaterThan(900)
    void plain
  })
})
