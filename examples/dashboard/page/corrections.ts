/**
 * The last corrections in words: which window of which device, what it was, what it is now.
 *
 * Before: the model, for every cell that a late record has corrected. After: a list that changes at most once a second.
 */

import { WINDOW_MS } from '../cells.ts'
import { nameOf } from '../generator/fleet.ts'
import { byId, formatCount, formatDuration, formatWindow, setText } from './format.ts'
import type { Drawn } from './frames.ts'
import type { Correction, Model } from './model.ts'

const SHOWN = 5

export class Corrections implements Drawn {
  readonly #model: Model
  readonly #list = byId('corrections')
  #newest: Correction | null = null

  constructor(model: Model) {
    this.#model = model
  }

  corrected(correction: Correction): void {
    this.#newest = correction
  }

  frame(): void {
    setText(byId('corrections-count'), formatCount(this.#model.correctionCount))
    if (this.#newest === null) return
    this.#list.prepend(itemOf(this.#newest))
    this.#newest = null
    while (this.#list.childElementCount > SHOWN) this.#list.lastElementChild!.remove()
  }
}

function itemOf({ startMs, device, before, after, atMs }: Correction): HTMLLIElement {
  const item = document.createElement('li')
  item.className = 'new'
  const part = (tag: 'span' | 'del' | 'ins', className: string, text: string) =>
    Object.assign(document.createElement(tag), { className, textContent: text })
  const change = document.createElement('span')
  change.className = 'change'
  change.append(part('del', '', before.mean.toFixed(2)), ' ', part('ins', '', `${after.mean.toFixed(2)} °C`))
  const late = `${formatDuration(atMs - (startMs + WINDOW_MS))} after its end`
  item.append(
    part('span', 'who', nameOf(device)),
    change,
    part('span', 'when', formatWindow(startMs, startMs + WINDOW_MS)),
    part('span', 'why change', `${formatCount(before.n)} to ${formatCount(after.n)}, ${late}`),
  )
  return item
}
