/**
 * A script of its own that runs before anything is drawn, so that no other theme flashes; a file, because policies forbid scripts in the page.
 *
 * Before: index.html. After: theme.ts; later changes are palette.ts's matter.
 */

import { showTheme } from './theme.ts'

showTheme()
