import { expect, test } from 'vitest'
import * as layout from '../../kernel/layout.ts'

test('the bytes shared by kernel and runtime are those of this table; a change raises LAYOUT_VERSION', () => {
  const constants = Object.entries(layout).filter(([, value]) => typeof value === 'number')
  expect(constants.map(([name, value]) => `${name} ${String(value)}`).join('\n')).toMatchSnapshot()
})

test('config fields neither overlap nor leave their block', () => {
  const { CONFIG_COLUMNS, CONFIG_COLUMN_BYTES, CONFIG_KEYS, CONFIG_VALUES, CONFIG_VALUE_BYTES, CONFIG_AGGREGATES, CONFIG_AGGREGATE_BYTES } =
    layout
  expect(layout.CONFIG_AGGREGATE_COUNT + 4).toBeLessThanOrEqual(CONFIG_COLUMNS)
  expect(CONFIG_COLUMNS + layout.COLUMNS_MAX * CONFIG_COLUMN_BYTES).toBeLessThanOrEqual(CONFIG_KEYS)
  expect(CONFIG_KEYS + layout.KEYS_MAX * 4).toBeLessThanOrEqual(CONFIG_VALUES)
  expect(CONFIG_VALUES + layout.COLUMNS_MAX * CONFIG_VALUE_BYTES).toBeLessThanOrEqual(CONFIG_AGGREGATES)
  expect(CONFIG_AGGREGATES + layout.AGGREGATES_MAX * CONFIG_AGGREGATE_BYTES).toBeLessThanOrEqual(layout.CONFIG_BYTES)
  expect(layout.CONFIG_OFFSET + layout.CONFIG_BYTES).toBeLessThanOrEqual(layout.RINGS_OFFSET)
  const { CONFIG_SIZE_MS, CONFIG_SLIDE_MS, CONFIG_OFFSET_MS, CONFIG_LATENESS_MS } = layout
  for (const offset of [CONFIG_SIZE_MS, CONFIG_SLIDE_MS, CONFIG_OFFSET_MS, CONFIG_LATENESS_MS]) expect(offset % 8).toBe(0)
})
