/**
 * Plain data as JSON that is pleasant to read and edit: what fits on a line is on one.
 *
 * Before: a plan. After: the editor, and programs that carry a plan.
 */

const LINE_CHARS = 88

export function planText(value: unknown, indent = ''): string {
  const flat = flatText(value)
  if (flat.length + indent.length <= LINE_CHARS || typeof value !== 'object' || value === null) return flat
  const inner = `${indent}  `
  if (Array.isArray(value)) return `[\n${value.map((item) => `${inner}${planText(item, inner)}`).join(',\n')}\n${indent}]`
  const fields = Object.entries(value).map(([name, item]) => `${inner}${JSON.stringify(name)}: ${planText(item, inner)}`)
  return `{\n${fields.join(',\n')}\n${indent}}`
}

function flatText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flatText).join(', ')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const fields = Object.entries(value).map(([name, item]) => `${JSON.stringify(name)}: ${flatText(item)}`)
  return fields.length === 0 ? '{}' : `{ ${fields.join(', ')} }`
}
