/** What the marks of the time line mean, and which keys move its records. */

import { el } from './dom.ts'

export function legend(): HTMLElement {
  const mark = (name: string, text: string) => el('li', {}, el('i', { class: `mark ${name}` }), text)
  return el(
    'div',
    { class: 'legend' },
    el(
      'ul',
      {},
      mark('mark-watermark', 'watermark: left of it is complete'),
      mark('mark-open', 'open window'),
      mark('mark-fired', 'has fired'),
      mark('mark-late', 'late, or corrected'),
      mark('mark-gone', 'state dropped'),
    ),
    el(
      'p',
      { class: 'help', id: 'record-keys' },
      'Drag a record sideways to change its event time, up or down to change when it arrives. Keys: ',
      el('kbd', {}, '← →'),
      ' event time, ',
      el('kbd', {}, 'Alt ↑ ↓'),
      ' arrival, ',
      el('kbd', {}, 'Enter'),
      ' copy, ',
      el('kbd', {}, 'Delete'),
      ' remove.',
    ),
  )
}
