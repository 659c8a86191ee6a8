/**
 * Where the parts of the job stand: from left to right where there is room, from top to bottom on a phone.
 *
 * Before: nothing but names. After: job-graph.ts draws them.
 */

export const NODE = { width: 158, height: 80 }

export interface Place {
  readonly x: number
  readonly y: number
}

export interface GraphLayout {
  readonly width: number
  readonly height: number
  readonly places: Readonly<Record<string, Place>>
  /** Edges begin at the side on which the flow leaves, and end at the one where it enters. */
  edge(from: Place, to: Place): string
  /** Stretches between neighbours on the way that a barrier takes. */
  readonly stretches: readonly { readonly from: Place; readonly to: Place }[]
  /** Where it says by what readings are divided. */
  readonly pill: Place
  readonly isVertical: boolean
}

/** The way from the source to the table of devices. */
const WAY = ['source', 'time', 'filter', 'device-windows', 'devices']

function horizontal(): GraphLayout {
  const columns = [1, 195, 389, 640, 851]
  // Four rows; what is alone in its column stands between the middle ones.
  const lane = 94
  const at = (column: number, row: number): Place => ({ x: columns[column]!, y: 1 + lane * row })
  const places = {
    source: at(0, 1.5),
    time: at(1, 1.5),
    filter: at(2, 1.5),
    'fleet-windows': at(3, 0),
    'device-windows': at(3, 1.5),
    'trend-windows': at(3, 3),
    fleet: at(4, 0),
    devices: at(4, 1),
    late: at(4, 2),
    trend: at(4, 3),
  }
  const middle = places.source.y + NODE.height / 2
  return {
    width: 1010,
    height: 3 * lane + NODE.height + 2,
    places,
    edge(from, to) {
      const [x1, y1, x2, y2] = [from.x + NODE.width, from.y + NODE.height / 2, to.x, to.y + NODE.height / 2]
      const half = (x1 + x2) / 2
      return `M${x1} ${y1}C${half} ${y1} ${half} ${y2} ${x2} ${y2}`
    },
    stretches: columns.slice(1).map((x, index) => ({ from: { x: columns[index]! + NODE.width, y: middle }, to: { x, y: middle } })),
    pill: { x: (columns[2]! + NODE.width + columns[3]!) / 2, y: middle },
    isVertical: false,
  }
}

function vertical(): GraphLayout {
  const step = 104
  const right = 192
  const at = (row: number, x = 22): Place => ({ x, y: 1 + step * row })
  const places = {
    source: at(0),
    time: at(1),
    filter: at(2),
    'device-windows': at(3.5),
    'fleet-windows': at(5),
    'trend-windows': at(6),
    devices: at(3, right),
    late: at(4, right),
    fleet: at(5, right),
    trend: at(6, right),
  }
  const x = places.source.x + NODE.width / 2
  return {
    width: right + NODE.width + 1,
    height: 6 * step + NODE.height + 2,
    places,
    edge(from, to) {
      if (to.x !== from.x) {
        const [x1, y1, x2, y2] = [from.x + NODE.width, from.y + NODE.height / 2, to.x, to.y + NODE.height / 2]
        return `M${x1} ${y1}C${(x1 + x2) / 2} ${y1} ${(x1 + x2) / 2} ${y2} ${x2} ${y2}`
      }
      const isNeighbour = to.y - from.y <= 1.5 * step
      if (isNeighbour) return `M${x} ${from.y + NODE.height}V${to.y}`
      // Past the ones between, along the margin.
      const y = to.y + NODE.height / 2
      return `M${from.x} ${from.y + NODE.height / 2}H12Q6 ${from.y + NODE.height / 2} 6 ${from.y + NODE.height / 2 + 6}V${y - 6}Q6 ${y} 12 ${y}H${to.x}`
    },
    stretches: WAY.slice(1, -1).map((id, index) => ({
      from: { x, y: places[WAY[index] as keyof typeof places].y + NODE.height },
      to: { x, y: places[id as keyof typeof places].y },
    })),
    pill: { x, y: places.filter.y + NODE.height + 37 },
    isVertical: true,
  }
}

export function layoutFor(isNarrow: boolean): GraphLayout {
  return isNarrow ? vertical() : horizontal()
}
