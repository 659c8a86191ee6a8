/** The few icons of the page, drawn on a grid of 16. */

import { svg } from './dom.ts'

const PATHS = {
  play: 'M5 3.5v9l7.5-4.5z',
  pause: 'M5 3.5h2v9H5zM9 3.5h2v9H9z',
  back: 'M10.5 3.5v9L4.5 8z',
  forward: 'M5.5 3.5v9L11.5 8z',
  first: 'M4 3.5h1.5v9H4zM12.5 3.5v9L6.5 8z',
  last: 'M10.5 3.5H12v9h-1.5zM3.5 3.5v9L9.5 8z',
  up: 'M8 4l4.5 6.5h-9z',
  down: 'M8 12L3.5 5.5h9z',
  remove: 'M4.6 3.5L8 6.9l3.4-3.4 1.1 1.1L9.1 8l3.4 3.4-1.1 1.1L8 9.1l-3.4 3.4-1.1-1.1L6.9 8 3.5 4.6z',
} as const

export function icon(name: keyof typeof PATHS): SVGElement {
  return svg(
    'svg',
    { viewBox: '0 0 16 16', width: 16, height: 16, 'aria-hidden': 'true', focusable: 'false' },
    svg('path', { d: PATHS[name], fill: 'currentColor' }),
  )
}
