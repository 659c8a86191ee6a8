import { expect, test } from '@playwright/test'
import { Actor, newName, RUNS } from './storage.ts'

/** Time for what must not happen. */
const MOMENT_MS = 700

for (const kind of ['indexeddb', 'opfs'] as const) {
  const where = kind === 'opfs' ? 'worker' : 'page'

  test(`${kind}: a second tab is refused while the first lives, and let in when it has closed`, async ({ context }) => {
    const store = { name: newName(), kind }
    const [first, second] = [(await Actor.in(context)).worker(where), (await Actor.in(context)).worker(where)]
    await first.do('open', store)
    await first.do('commit', store.name, 1)
    const start = Date.now()
    const { retryable, message } = await second.refused('JOB_LOCKED', 'open', store)
    expect(retryable).toBe(true)
    expect(message).toContain("leadership 'wait' or 'steal'")
    // It is told at once: the leader has answered.
    expect(Date.now() - start).toBeLessThan(2_000)
    await first.do('commit', store.name, 2)
    await first.do('close', store.name)
    await second.do('open', store)
    expect(await second.do('recover', store.name)).toMatchObject({ checkpointId: 2, skipped: [] })
  })

  test(`${kind}: who waits leads as soon as the leading tab is gone`, async ({ context }) => {
    test.setTimeout(60_000 + RUNS * 8_000)
    for (let run = 0; run < RUNS; run++) {
      const store = { name: newName(), kind, options: { leadership: 'wait' } } as const
      const [first, second] = [(await Actor.in(context)).worker(where), (await Actor.in(context)).worker(where)]
      const epoch = await first.do('open', store)
      await first.do('commit', store.name, 1)
      const opening = second.do('open', store)
      expect(await Promise.race([opening, new Promise((resolve) => setTimeout(resolve, MOMENT_MS, 'waits'))])).toBe('waits')
      const start = Date.now()
      await first.page.close()
      expect(await opening).toBeGreaterThan(epoch)
      // The floor of a worker that was terminated is 2 s in Chromium.
      expect(Date.now() - start).toBeLessThan(where === 'page' ? 2_000 : 7_000)
      expect(await second.do('recover', store.name)).toMatchObject({ checkpointId: 1 })
      await second.page.close()
    }
  })

  test(`${kind}: a stolen job ends where it was stolen from`, async ({ context }) => {
    const store = { name: newName(), kind }
    const [first, second] = [(await Actor.in(context)).worker(where), (await Actor.in(context)).worker(where)]
    await first.do('open', store)
    await first.do('commit', store.name, 1)
    await second.do('open', { ...store, options: { leadership: 'steal' } })
    const { retryable } = await first.refused('JOB_FENCED', 'commit', store.name, 2)
    expect(retryable).toBe(false)
    await second.do('commit', store.name, 2)
    await first.refused('JOB_FENCED', 'commit', store.name, 3)
    expect(await second.do('ids', store.name)).toEqual([2, 1])
  })

  test(`${kind}: a worker that is started anew after its predecessor was terminated leads`, async ({ context }) => {
    test.setTimeout(60_000 + RUNS * 8_000)
    const page = await Actor.in(context)
    const store = { name: newName(), kind }
    for (let run = 0; run < RUNS; run++) {
      const worker = page.worker(`worker-${run}`)
      await worker.do('open', store)
      await worker.do('commit', store.name, run + 1)
      expect(await worker.do('recover', store.name)).toMatchObject({ checkpointId: run + 1 })
      await worker.terminate()
    }
  })
}

test('of many tabs that steal at once one leads, and only its checkpoints are added', async ({ context }) => {
  test.setTimeout(60_000 + RUNS * 8_000)
  const name = newName()
  const actors = await Promise.all(Array.from({ length: 4 }, () => Actor.in(context)))
  const first = actors[0]!
  await first.do('open', { name })
  await first.do('commit', name, 1)
  for (let run = 0; run < RUNS; run++) {
    await Promise.all(actors.map((actor) => actor.try('open', { name, options: { leadership: 'steal' } })))
    const id = 10 * (run + 1)
    const answers = await Promise.all(actors.map((actor, index) => actor.try('commit', name, id + index)))
    const accepted = answers.flatMap((answer, index) => ('code' in answer ? [] : [id + index]))
    expect(accepted).toHaveLength(1)
    for (const answer of answers) if ('code' in answer) expect(answer.code).toBe('JOB_FENCED')
    const leader = actors[accepted[0]! - id]!
    expect((await leader.do('ids', name))[0]).toBe(accepted[0])
  }
})

test('a leader that lives is not stolen from, however long somebody waits', async ({ context }) => {
  const store = { name: newName(), options: { leadership: 'wait', stealAfter: '500ms' } } as const
  const [leader, other] = [await Actor.in(context), await Actor.in(context)]
  await leader.do('open', store)
  const opening = other.try('open', store)
  expect(await Promise.race([opening, new Promise((resolve) => setTimeout(resolve, 4_000, 'waits'))])).toBe('waits')
  await leader.do('commit', store.name, 1)
  await leader.do('close', store.name)
  expect(await opening).toHaveProperty('value')
})
