/** Entry of a worker in a page. */

import type { Endpoint } from 'comlink'
import { systemClock } from '../clock.ts'
import { serve } from './kernel-service.ts'

serve(globalThis as unknown as Endpoint, systemClock)
