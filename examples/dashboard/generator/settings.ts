/**
 * What can be set about the fleet while it runs: the sliders of the page, and what the generator makes of them.
 *
 * Before: the page's sliders. After: feed-log.ts, where a change takes effect at a tick and not before.
 *
 * Invariant: settings are plain numbers, so a log of them in JSON is all that is needed to make every reading again.
 */

export interface FleetSettings {
  /** Readings a second of the whole fleet. */
  readonly rate: number
  readonly devices: number
  /** Median delay of a reading between device and arrival, ms. */
  readonly delayMs: number
  /** How much delays differ from each other: sigma of a log-normal distribution. 0: all alike, so nothing is out of order. */
  readonly disorder: number
  /** Share of readings that a device held back, and for how long at most, s. */
  readonly stragglers: number
  readonly stragglerSeconds: number
  /** Share of devices whose clock is wrong by up to 8 s, either way. */
  readonly skewed: number
  /** Share of devices that are silent at any one time. */
  readonly silent: number
  /** Share of devices behind gateways that send what they have collected every 1.2 s. */
  readonly bursts: number
  /** Share of readings that are the fault value of the sensor. */
  readonly faults: number
  /** Share of readings that are damaged on the way and are no readings any more. */
  readonly corrupt: number
}

export type SettingName = keyof FleetSettings

export interface SettingRange {
  readonly name: SettingName
  readonly label: string
  /** One sentence: what the slider does to the fleet. */
  readonly hint: string
  /** Values the slider stops at. */
  readonly steps: readonly number[]
  readonly format: (value: number) => string
}

export const DEFAULT_SETTINGS: FleetSettings = {
  rate: 20_000,
  devices: 1_000,
  delayMs: 250,
  disorder: 0.6,
  stragglers: 0.002,
  stragglerSeconds: 30,
  skewed: 0.005,
  silent: 0.02,
  bursts: 0.1,
  faults: 0.0005,
  corrupt: 0.0001,
}

const thousands = (value: number) => value.toLocaleString('en-US')
const percent = (value: number) => (value === 0 ? 'none' : `${Number((value * 100).toPrecision(2))} %`)
const milliseconds = (value: number) => (value < 1000 ? `${value} ms` : `${value / 1000} s`)

/** In groups, as the page shows them. */
export const SETTING_RANGES: readonly { readonly title: string; readonly ranges: readonly SettingRange[] }[] = [
  {
    title: 'How much',
    ranges: [
      {
        name: 'rate',
        label: 'Readings a second',
        hint: 'How many readings the whole fleet sends in a second',
        steps: [1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 150_000, 200_000],
        format: thousands,
      },
      {
        name: 'devices',
        label: 'Devices',
        hint: 'How many devices share that rate',
        steps: [10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000],
        format: thousands,
      },
    ],
  },
  {
    title: 'How late',
    ranges: [
      {
        name: 'delayMs',
        label: 'Delay',
        hint: 'How long a reading usually takes to arrive',
        steps: [0, 20, 50, 120, 250, 500, 1_000, 2_000, 4_000],
        format: milliseconds,
      },
      {
        name: 'disorder',
        label: 'Disorder',
        hint: 'How much delays differ, which puts readings out of order',
        steps: [0, 0.2, 0.4, 0.6, 0.8, 1, 1.2, 1.5],
        format: (value) => (value === 0 ? 'none' : `σ ${value}`),
      },
      {
        name: 'stragglers',
        label: 'Stragglers',
        hint: 'The share of readings that a device holds back and sends later',
        steps: [0, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05],
        format: percent,
      },
      {
        name: 'stragglerSeconds',
        label: 'held back up to',
        hint: 'How long stragglers are held back at most',
        steps: [2, 5, 10, 20, 30, 45, 60],
        format: (value) => `${value} s`,
      },
    ],
  },
  {
    title: 'What goes wrong',
    ranges: [
      {
        name: 'skewed',
        label: 'Wrong clocks',
        hint: 'The share of devices whose clock is wrong by up to 8 seconds',
        steps: [0, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2],
        format: percent,
      },
      {
        name: 'silent',
        label: 'Silent devices',
        hint: 'The share of devices that send nothing for twenty seconds',
        steps: [0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5],
        format: percent,
      },
      {
        name: 'bursts',
        label: 'Bursts',
        hint: 'The share of devices behind gateways that collect readings and send them at once',
        steps: [0, 0.05, 0.1, 0.2, 0.3, 0.5],
        format: percent,
      },
      {
        name: 'faults',
        label: 'Sensor faults',
        hint: 'The share of readings that are the fault value −127 °C, which the job filters out',
        steps: [0, 0.0002, 0.0005, 0.001, 0.005, 0.02],
        format: percent,
      },
      {
        name: 'corrupt',
        label: 'Damaged lines',
        hint: 'The share of readings that arrive damaged and become dead letters',
        steps: [0, 0.0001, 0.0005, 0.001, 0.005, 0.01],
        format: percent,
      },
    ],
  },
]
