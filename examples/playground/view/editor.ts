/**
 * Program and plan: two texts of one pipeline, and the plan in words. What is edited leads, and the other follows.
 *
 * Before: the store. After: the store; `engine-client.ts` runs what leads.
 */

import { planText } from '../model/plan-text.ts'
import { programOf } from '../model/program-of-plan.ts'
import type { Problem } from '../model/trace.ts'
import type { CodeEditor } from './code-mirror.ts'
import { el, set } from './dom.ts'
import type { State, Store } from './state.ts'
import { tabs } from './tabs.ts'

const LANGUAGES = ['typescript', 'plan'] as const
type Language = (typeof LANGUAGES)[number]
const LABELS: Readonly<Record<Language, string>> = { typescript: 'Program in TypeScript', plan: 'Plan in JSON' }

export function editor(store: Store): HTMLElement {
  const explained = el('pre', { class: 'explained', tabindex: 0, 'aria-label': 'The plan in words' })
  const texts = { typescript: new Text('typescript', store), plan: new Text('plan', store) }
  const bar = tabs(
    'Pipeline',
    [
      { id: 'typescript', title: 'TypeScript', panel: texts.typescript.element },
      { id: 'plan', title: 'Plan (JSON)', panel: texts.plan.element },
      { id: 'explained', title: 'In words', panel: el('div', {}, explained) },
    ],
    () => {},
  )
  const notice = el('div', { class: 'notice', hidden: true })
  const problem = el('div', { class: 'problem', role: 'alert', hidden: true })
  const keys = el('p', { id: 'editor-keys', class: 'visually-hidden' }, 'Tab indents. Press Escape and then Tab to leave the editor.')
  const section = el('section', { class: 'editor', 'aria-label': 'Pipeline' }, bar.list, ...bar.panels, notice, problem, keys)

  store.listen((state, before) => {
    texts.typescript.show(state.program)
    texts.plan.show(state.plan)
    if (state.trace !== before?.trace) {
      explained.textContent = state.trace?.explanation ?? ''
      follow(store)
    }
    if (state.problem !== before?.problem || state.leader !== before?.leader) showProblem(state, problem, texts)
    showNotice(state, notice, store)
    set(section, { 'data-leader': state.leader })
  })
  void upgrade(texts)
  return section
}

/** The text that does not lead is written anew from the plan of the trace. */
function follow(store: Store): void {
  const { trace, leader } = store.state
  if (trace === null) return
  if (leader === 'typescript') store.set({ plan: planText(trace.plan) })
  else if (!trace.hasFunctions) store.set({ program: programOf(trace.plan) })
}

function showProblem({ problem, leader }: State, element: HTMLElement, texts: Readonly<Record<Language, Text>>): void {
  element.hidden = problem === null
  for (const language of LANGUAGES) texts[language].mark(problem?.of === 'program' && language === leader ? problem.problem : null)
  if (problem === null) return
  const { code, message, suggestion } = problem.problem
  element.replaceChildren(el('strong', {}, code), el('p', {}, message))
  const word = suggestion
  if (word !== null && problem.of === 'program' && texts[leader].canReplace(problem.problem)) {
    element.append(el('button', { type: 'button', click: () => texts[leader].replace(problem.problem) }, `Replace by ${word}`))
  }
}

function showNotice(state: State, notice: HTMLElement, store: Store): void {
  const { isTrusted, leader, trace } = state
  const isApart = leader === 'plan' && trace?.hasFunctions === true
  notice.hidden = isTrusted && !isApart
  if (!isTrusted) {
    const run = el('button', { type: 'button', class: 'primary', click: () => store.set({ isTrusted: true }) }, 'Run it')
    notice.replaceChildren(el('p', {}, 'This program comes with the link. It runs in your browser: read it first.'), run)
  } else if (isApart) {
    const back = el('button', { type: 'button', click: () => store.set({ leader: 'typescript' }) }, 'Back to the program')
    notice.replaceChildren(
      el('p', {}, 'The plan was edited, and the program does not follow: it has functions, which a plan only names.'),
      back,
    )
  }
}

/** A text area, until the editor has been loaded. */
class Text {
  readonly element: HTMLElement
  readonly #language: Language
  readonly #store: Store
  readonly #area: HTMLTextAreaElement
  #editor: CodeEditor | null = null
  #problem: Problem | null = null

  constructor(language: Language, store: Store) {
    this.#language = language
    this.#store = store
    this.#area = el('textarea', {
      'aria-label': LABELS[language],
      spellcheck: 'false',
      autocapitalize: 'off',
      wrap: 'off',
      input: () => this.#edit(this.#area.value),
    })
    this.element = el('div', { class: 'code' }, this.#area)
  }

  show(text: string): void {
    if (this.#editor !== null) this.#editor.setText(text)
    else if (this.#area.value !== text) this.#area.value = text
  }

  mark(problem: Problem | null): void {
    this.#problem = problem
    this.#editor?.mark(problem)
  }

  canReplace({ found }: Problem): boolean {
    const text = this.#current()
    return found !== null && candidatesOf(found).some((candidate) => text.split(candidate).length === 2)
  }

  /** Puts the suggestion where the wrong word is. */
  replace({ found, suggestion }: Problem): void {
    const text = this.#current()
    for (const candidate of candidatesOf(found ?? '')) {
      if (text.split(candidate).length !== 2) continue
      const quote = /^["']/.exec(candidate)?.[0] ?? ''
      this.#edit(text.replace(candidate, () => `${quote}${suggestion ?? ''}${quote}`))
      return
    }
  }

  async load(): Promise<void> {
    const { codeEditor } = await import('./code-mirror.ts')
    const hadFocus = document.activeElement === this.#area
    this.#area.remove()
    this.#editor = codeEditor({
      parent: this.element,
      text: this.#area.value,
      language: this.#language,
      label: LABELS[this.#language],
      words: this.#language === 'typescript' ? WORDS : [],
      onChange: (text) => this.#edit(text),
    })
    this.#editor.mark(this.#problem)
    if (hadFocus) this.#editor.focus()
  }

  #current(): string {
    return this.#editor?.text() ?? this.#area.value
  }

  /** Whoever has edited a program has seen it. */
  #edit(text: string): void {
    if (this.#language === 'typescript') this.#store.set({ program: text, leader: 'typescript', isTrusted: true })
    else this.#store.set({ plan: text, leader: 'plan', isTrusted: true })
  }
}

/** How the word that was found may stand in the text. */
function candidatesOf(found: string): readonly string[] {
  const bare = found.replace(/^the field /, '')
  return bare.startsWith('"') ? [bare, `'${bare.slice(1, -1)}'`] : [bare]
}

async function upgrade(texts: Readonly<Record<Language, Text>>): Promise<void> {
  await new Promise((resolve) => requestAnimationFrame(resolve))
  await Promise.all(LANGUAGES.map((language) => texts[language].load()))
}

/** What the editor proposes: filled in by `build.mjs` with the names of the package and of the steps of a pipeline. */
declare const MILLRACE_WORDS: readonly string[]
const WORDS = MILLRACE_WORDS
