/**
 * The page: makes the parts, binds them to each other, and starts the job.
 *
 * Before: index.html. After: everything one sees. What flows: feed → job worker → model → panels; controls → feed and job.
 */

import { indexedDbCheckpoints } from 'millrace/browser'
import { DEFAULT_SETTINGS } from '../generator/settings.ts'
import type { FeedReport } from '../generator/feed-protocol.ts'
import { LATENESS_MS, WINDOW_MS } from '../cells.ts'
import { Controls } from './controls.ts'
import { Corrections } from './corrections.ts'
import { type FeedLink, serverFeed, workerFeed } from './feed-link.ts'
import { byId, formatCount, formatDuration, setText } from './format.ts'
import { Frames } from './frames.ts'
import { Gauges } from './gauges.ts'
import { HeatMap } from './heat/heat-map.ts'
import { JobGraph } from './job-graph.ts'
import { JobLink, type JobLinkState } from './job-link.ts'
import { LedgerPanel } from './ledger-panel.ts'
import { Model } from './model.ts'
import { Palette } from './palette.ts'
import { Rates } from './rates.ts'
import type { FeedAddress } from '../readings-source.ts'
import { type FeedKind, Session } from './session.ts'
import { Strip } from './strip/strip.ts'
import { TopTable } from './top-table.ts'
import { TrendChart } from './trend-chart.ts'

const wallMs = () => performance.timeOrigin + performance.now()

const FEEDS: Readonly<Record<FeedKind, string>> = {
  page: 'In this page',
  websocket: 'WebSocket',
  mqtt: 'MQTT broker',
}

/** Which feeds there are: a page that a plain file host has served has only its own. */
async function feedsHere(): Promise<readonly FeedKind[]> {
  try {
    const response = await fetch('feeds.json')
    const found = response.ok ? ((await response.json()) as readonly FeedKind[]) : []
    return [...found, 'page']
  } catch {
    return ['page']
  }
}

async function main(): Promise<void> {
  const feeds = await feedsHere()
  const query = new URLSearchParams(location.search)
  const session = Session.open(wallMs(), feeds)
  const { settings } = session
  const palette = new Palette()
  const corrections: { corrected(correction: Parameters<Corrections['corrected']>[0]): void }[] = []
  const model = new Model(settings.devices, (correction) => {
    for (const panel of corrections) panel.corrected(correction)
  })
  const rates = new Rates()
  const frames = new Frames()
  let isOffline = false
  let state: JobLinkState = 'starting'
  /** A worker was terminated, and the job has not noticed yet. */
  let isCrashed = false
  /** How often the job has restarted itself, as far as was told. */
  let restarts = 0

  // Panels
  const trend: TrendChart = new TrendChart(model, palette, {
    hover: (ms) => heat.showTime(ms),
    chosen: (chosen) => {
      heat.chosen = chosen
      top.chosen = chosen
    },
  })
  const heat = new HeatMap(model, palette, { choose: (device) => trend.choose(device), hover: (ms) => trend.showTime(ms) })
  const top = new TopTable(model, palette, (device) => trend.choose(device))
  const list = new Corrections(model)
  corrections.push(heat, list)
  const ledger = new LedgerPanel(model, (_state, words) => announce(`The ledger: ${words}.`))
  const graph = new JobGraph(model, rates)
  frames.move(new Strip(model, palette))
  frames.add(heat, 60)
  frames.add(ledger, 250)
  frames.add(trend, 1_000)
  frames.add(top, 1_000)
  frames.add(list, 1_200)
  frames.add(graph, 400)
  frames.add({ frame: () => graph.describe() }, 5_000)
  frames.add(new Gauges(rates, palette), 1_000)
  frames.add({ frame: () => showFacts() }, 500)

  // Feed
  const onReport = (report: FeedReport) => {
    if (report.kind === 'sent') model.sentNumber = report.number
    else change(report.segment.settings)
  }
  const feed: FeedLink = session.feed === 'page' ? workerFeed(onReport) : serverFeed(socketUrl(`control?log=${session.storage}`), onReport)
  feed.begin(session.log)

  // Job
  const job = new JobLink(
    {
      storage: session.storage,
      parallelism: session.parallelism,
      host: (query.get('host') ?? 'auto') as 'auto',
      feed: addressOf(session),
    },
    {
      packet(packet) {
        model.take(packet, wallMs())
        if (packet.loaded.length > 0) ledger.interrupted()
        if (packet.reached !== null) feed.acknowledge(packet.reached)
      },
      status(status) {
        model.takeStatus(status, wallMs())
        rates.take(status, wallMs())
        ledger.status()
        // A job that restarts itself tells of it before it has found its checkpoint.
        if (status.restarts === restarts || status.state !== 'running') return
        const from = status.recoveredFrom?.checkpointId ?? 'none'
        if (status.restarts > restarts) {
          note(
            `Restarted from checkpoint ${from} (${status.lastFailure?.code ?? 'a failure'}). The readings since then are read once more.`,
          )
          announce(`The job has restarted itself from checkpoint ${from}.`)
        }
        restarts = status.restarts
        isCrashed = false
        showFacts()
      },
      views(remote) {
        const fleet = remote.view('fleet')
        fleet.subscribe(() => {
          const { rows, panes } = fleet.snapshot()
          // The job is another thread's: what its sinks have is known here by the pipeline alone.
          model.takeFleet(rows as unknown as Parameters<typeof model.takeFleet>[0], panes, wallMs())
        })
        const rows = remote.view('trend')
        rows.subscribe(() => (model.trend = rows.snapshot().rows as unknown as typeof model.trend))
      },
      readerWanted(answer) {
        const { port1, port2 } = new MessageChannel()
        feed.reader(port1)
        answer(port2)
      },
      state(next, reason) {
        state = next
        if (reason !== undefined) note(reason)
        showFacts()
      },
    },
  )

  // Controls
  const controls = new Controls(settings, {
    settings: change,
    crash() {
      if (model.status === null) return
      note('A worker was terminated. It says nothing, so the job notices by its silence …')
      announce('A worker was terminated.')
      isCrashed = true
      job.crash(model.status.tier)
      showFacts()
    },
    offline() {
      isOffline = !isOffline
      feed.offline(isOffline)
      controls.offline(isOffline)
      announce(isOffline ? 'Offline: the connection to the fleet is closed.' : 'Online again.')
      note(
        isOffline
          ? 'The connection is closed. The fleet goes on; what it sends waits.'
          : 'Connected again; the feed goes on where the job was.',
      )
      showFacts()
    },
    reload: () => location.reload(),
    parallelism(parallelism) {
      session.parallelism = parallelism
      announce(`Restarting with ${parallelism} workers.`)
      note('Stopped with a last checkpoint; state is divided among the new workers.')
      ledger.interrupted()
      void job.restart({ parallelism })
    },
    feed: (kind) => beginAnew(kind as FeedKind, session.log.seed),
    reset: (seed) => beginAnew(session.feed, seed ?? session.log.seed),
    hold() {
      frames.hold(!frames.isHeld)
      controls.hold(frames.isHeld)
    },
    theme: () => palette.cycle(),
  })
  controls.parallelism(session.parallelism)
  byId<HTMLInputElement>('seed').value = String(session.log.seed)
  byId<HTMLSelectElement>('feed').append(...feeds.map((kind) => new Option(FEEDS[kind], kind, false, kind === session.feed)))

  /** New settings: everybody who knows the log hears of them before they hold. */
  function change(changed: typeof settings): void {
    const segment = session.change(changed, wallMs())
    feed.settings(segment)
    ledger.settings(segment)
    model.devices = changed.devices
    showHero()
  }

  function beginAnew(kind: FeedKind, seed: number): void {
    const old = session.storage
    session.end()
    Session.begin({ nowMs: wallMs(), feed: kind, settings: session.settings, seed, parallelism: session.parallelism })
    job.close()
    indexedDB.deleteDatabase(`${old}-cells`)
    void indexedDbCheckpoints(old, { leadership: 'wait', stealAfter: '1s' })
      .destroy()
      .catch(() => {})
      .then(() => location.reload())
  }

  function showHero(): void {
    setText(byId('hero-devices'), formatCount(session.settings.devices))
    setText(byId('hero-rate'), formatCount(session.settings.rate))
  }

  function showFacts(): void {
    const shown = state === 'running' && isCrashed ? 'restarting' : state === 'running' && isOffline ? 'offline' : state
    const badge = byId('fact-state')
    badge.dataset['state'] = shown
    setText(badge, shown)
    const { status } = model
    setText(byId('fact-rate'), status === null ? '–' : formatCount(rates.recordsIn))
    setText(byId('fact-workers'), status === null ? '–' : status.tier === 'inline' ? '0' : String(status.parallelism))
    setText(byId('fact-workers-word'), status?.parallelism === 1 && status.tier !== 'inline' ? 'worker' : 'workers')
    setText(byId('fact-tier'), status?.tier ?? '–')
    setText(byId('fact-frames'), frames.rate === 0 ? '–' : String(frames.rate))
    setText(byId('tier-note'), tierNote(status?.tier))
    const { rate } = session.settings
    setText(byId('strip-share'), formatCount(Math.max(1, Math.round(rate / 90))))
  }

  function note(text: string): void {
    setText(byId('break-note'), text)
  }

  showHero()
  ledger.begin(session.log, session.isResumed ? wallMs() - LATENESS_MS - 2 * WINDOW_MS : session.log.startMs + WINDOW_MS)
  setInterval(() => session.seen(wallMs()), 1_000)
  frames.start()
  // For tests and measurements, and for whoever opens the console.
  Object.assign(globalThis, {
    dashboard: { model, ledger, session, job, frames, rates, palette, defaults: DEFAULT_SETTINGS, change, duration: formatDuration },
  })
  await job.start()
}

function tierNote(tier: string | undefined): string {
  if (tier === 'transferred')
    return 'Tier “transferred”: batches move between workers, as this page is not cross-origin isolated. Serve it with COOP same-origin and COEP require-corp, and they share memory.'
  if (tier === 'inline') return 'Tier “inline”: the job runs on one thread, beside this page.'
  return ''
}

function announce(text: string): void {
  setText(byId('live'), text)
}

function addressOf({ feed, storage }: Session): FeedAddress {
  if (feed === 'page') return { kind: 'page' }
  if (feed === 'mqtt') return { kind: 'mqtt', url: socketUrl('mqtt'), topic: `fleet/${storage}` }
  return { kind: 'websocket', url: socketUrl(`feed?log=${storage}`) }
}

function socketUrl(path: string): string {
  const url = new URL(path, location.href)
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
  return url.href
}

void main()
