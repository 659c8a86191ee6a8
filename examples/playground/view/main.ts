/**
 * The page: the parts, the store between them, and the address, which says what is shown.
 *
 * Before: `index.html`. After: the engine's worker, to which `engine-client.ts` speaks.
 */

import { EXAMPLES, type Example } from '../gallery/examples.ts'
import { sharedOf } from '../model/link.ts'
import { actions } from './actions.ts'
import { el } from './dom.ts'
import { editor } from './editor.ts'
import { EngineClient } from './engine-client.ts'
import { exampleText, galleryList } from './gallery-list.ts'
import { legend } from './legend.ts'
import { player } from './player.ts'
import { results } from './results.ts'
import { placed, type State, Store } from './state.ts'
import { streamPanel } from './stream-panel.ts'
import { timeLine } from './time-line.ts'

/** Texts of the gallery's programs, by example: put here by `build.mjs`. */
declare const GALLERY_PROGRAMS: Readonly<Record<string, string>>

const EMPTY: State = {
  example: null,
  leader: 'typescript',
  program: '',
  plan: '',
  isTrusted: true,
  entries: [],
  trace: null,
  traced: [],
  problem: null,
  isRunning: false,
  step: 0,
  view: 0,
  isPlaying: false,
  speed: 1,
  window: null,
  frozen: null,
}

function stateOfExample(example: Example): Partial<State> {
  return {
    ...EMPTY,
    example: example.id,
    program: GALLERY_PROGRAMS[example.id] ?? '',
    entries: example.entries.map(placed),
    ...opening(),
  }
}

/** An example plays by itself, but for those who want nothing to move: they see where it ends. */
function opening(): Pick<State, 'step' | 'isPlaying'> {
  const isStill = matchMedia('(prefers-reduced-motion: reduce)').matches
  return isStill ? { step: Number.MAX_SAFE_INTEGER, isPlaying: false } : { step: 0, isPlaying: true }
}

/** What the fragment of the address says: a program of a link, an example, or else the first one. */
async function stateOfAddress(): Promise<Partial<State>> {
  const fragment = decodeURIComponent(location.hash.slice(1))
  const shared = await sharedOf(fragment)
  if (shared === null) return stateOfExample(EXAMPLES.find(({ id }) => id === fragment) ?? EXAMPLES[0]!)
  const { language, text, entries, step } = shared
  const isKnown = language === 'plan' || Object.values(GALLERY_PROGRAMS).includes(text)
  return {
    ...EMPTY,
    leader: language,
    program: language === 'typescript' ? text : '',
    plan: language === 'plan' ? text : '',
    // A plan is data and does nothing by itself; a program could do anything that a page can.
    isTrusted: isKnown,
    entries: entries.map(placed),
    step,
  }
}

async function begin(): Promise<void> {
  const store = new Store({ ...EMPTY, ...(await stateOfAddress()) })
  const open = (example: Example) => {
    if (location.hash === `#${example.id}`) store.set(stateOfExample(example))
    else location.hash = example.id
  }
  addEventListener('hashchange', () => void stateOfAddress().then((state) => store.set(state)))
  document
    .querySelector('#app')!
    .replaceWith(
      el(
        'div',
        { class: 'app' },
        el(
          'header',
          { class: 'top' },
          el('a', { class: 'brand', href: '#tumbling' }, 'Millrace', el('span', {}, 'playground')),
          actions(store),
        ),
        galleryList(store, open),
        el(
          'main',
          {},
          exampleText(store),
          el('div', { class: 'stage' }, player(store), timeLine(store), legend(), results(store)),
          el('div', { class: 'desk' }, editor(store), streamPanel(store)),
        ),
      ),
    )
  EngineClient.follow(store)
}

void begin()
