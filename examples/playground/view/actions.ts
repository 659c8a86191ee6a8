/** What can be taken away from the page: a link to it, and the same as a program for Node. */

import { fragmentOf } from '../model/link.ts'
import { nodeProgramOf } from '../model/node-program.ts'
import { el } from './dom.ts'
import { textOf } from './engine-client.ts'
import type { State, Store } from './state.ts'

export function actions(store: Store): HTMLElement {
  const said = el('span', { class: 'said', role: 'status' })
  const copy = (label: string, done: string, text: (state: State) => Promise<string>) =>
    el(
      'button',
      {
        type: 'button',
        click: () =>
          void text(store.state)
            .then(write)
            .then(
              () => (said.textContent = done),
              () => (said.textContent = 'The browser does not let the page copy'),
            ),
      },
      label,
    )
  return el(
    'div',
    { class: 'actions' },
    copy('Copy link', 'Link copied', linkTo),
    copy('Copy as Node program', 'Program copied', (state) =>
      Promise.resolve(
        nodeProgramOf({
          language: state.leader,
          text: textOf(state),
          entries: state.entries.map(({ entry }) => entry),
          columns: state.trace?.source.columns ?? [],
        }),
      ),
    ),
    said,
  )
}

/** The address of what is on the page; it becomes that of the page, too. */
async function linkTo(state: State): Promise<string> {
  const fragment = await fragmentOf({
    language: state.leader,
    text: textOf(state),
    entries: state.entries.map(({ entry }) => entry),
    step: state.step,
  })
  history.replaceState(null, '', `#${fragment}`)
  return location.href
}

async function write(text: string): Promise<void> {
  await navigator.clipboard.writeText(text)
}
