/** Elements in one expression each: `el('button', { type: 'button', class: 'quiet' }, 'Play')`. */

export type Attributes = Readonly<Record<string, string | number | boolean | null | ((event: never) => void)>>
export type Child = Node | string | null

export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag)
  set(element, attributes)
  element.append(...children.filter((child) => child !== null))
  return element
}

export function svg<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly Node[]
): SVGElementTagNameMap[K] {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag)
  set(element, attributes)
  element.append(...children)
  return element
}

/** Attributes; a function is a listener, null takes an attribute away. Booleans are so, too, but for those that are spelled `true` and `false`. */
export function set(element: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') {
      element.addEventListener(name, value as EventListener)
      continue
    }
    const isSpelled = name.startsWith('data-') || name.startsWith('aria-')
    const text = typeof value !== 'boolean' || isSpelled ? value : value ? '' : null
    if (text === null) element.removeAttribute(name)
    else if (element.getAttribute(name) !== String(text)) element.setAttribute(name, String(text))
  }
}

/**
 * Children that are kept as long as their key is there, so that what changes can glide: those that are new are made, those that are gone are taken
 * out, and all are updated.
 */
export class Keyed<T, E extends Element> {
  readonly #parent: Element
  readonly #elements = new Map<string, E>()
  readonly #make: (item: T) => E
  readonly #update: (element: E, item: T) => void

  constructor(parent: Element, make: (item: T) => E, update: (element: E, item: T) => void) {
    this.#parent = parent
    this.#make = make
    this.#update = update
  }

  show(items: ReadonlyMap<string, T>): void {
    for (const [key, element] of this.#elements) {
      if (items.has(key)) continue
      element.remove()
      this.#elements.delete(key)
    }
    for (const [key, item] of items) {
      let element = this.#elements.get(key)
      if (element === undefined) {
        element = this.#make(item)
        this.#elements.set(key, element)
        this.#parent.append(element)
      }
      this.#update(element, item)
    }
  }

  get(key: string): E | undefined {
    return this.#elements.get(key)
  }
}
