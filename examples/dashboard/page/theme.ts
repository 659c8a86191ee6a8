/**
 * The theme: what was chosen, and which one that is now, since `auto` is as the system has it.
 *
 * Before: first-paint.ts, the system, the theme button. After: `data-theme` of the page, by which tokens.css has its colours.
 */

const THEMES = ['auto', 'light', 'dark'] as const
type Theme = (typeof THEMES)[number]

const STORED = 'millrace.theme'

/** Whether the system is dark; tells of changes. */
export const systemDark = matchMedia('(prefers-color-scheme: dark)')

export function chosenTheme(): Theme {
  return THEMES.find((theme) => theme === localStorage.getItem(STORED)) ?? 'auto'
}

/** As the system, light, dark, and again. */
export function chooseNextTheme(): void {
  localStorage.setItem(STORED, THEMES[(THEMES.indexOf(chosenTheme()) + 1) % THEMES.length]!)
}

export function showTheme(): void {
  const chosen = chosenTheme()
  document.documentElement.dataset['theme'] = chosen === 'auto' ? (systemDark.matches ? 'dark' : 'light') : chosen
}
