/**
 * The editor, loaded when the page stands: CodeMirror with the colours of the page.
 *
 * Before: `editor.ts`, which shows a plain text area until then. After: the text, and marks at what is wrong with it.
 * Tab indents; Escape and then Tab leaves the editor, as CodeMirror has it.
 */

import { autocompletion, type CompletionContext, type CompletionResult, completionKeymap } from '@codemirror/autocomplete'
import { defaultKeymap, history, historyKeymap, indentWithTab } from '@codemirror/commands'
import { javascript } from '@codemirror/lang-javascript'
import { json } from '@codemirror/lang-json'
import { bracketMatching, HighlightStyle, indentOnInput, syntaxHighlighting, syntaxTree } from '@codemirror/language'
import { type Diagnostic, lintKeymap, setDiagnostics } from '@codemirror/lint'
import { EditorState } from '@codemirror/state'
import { drawSelection, EditorView, highlightActiveLine, keymap, lineNumbers } from '@codemirror/view'
import { tags } from '@lezer/highlight'
import type { Problem } from '../model/trace.ts'

export interface CodeEditor {
  text(): string
  setText(text: string): void
  /** Marks the place of a problem; null: there is none. */
  mark(problem: Problem | null): void
  focus(): void
}

export interface CodeEditorOptions {
  readonly parent: HTMLElement
  readonly text: string
  readonly language: 'typescript' | 'plan'
  readonly label: string
  readonly words: readonly string[]
  readonly onChange: (text: string) => void
}

const highlight = HighlightStyle.define([
  { tag: [tags.keyword, tags.moduleKeyword, tags.controlKeyword], class: 'tok-keyword' },
  { tag: [tags.string, tags.special(tags.string)], class: 'tok-string' },
  { tag: [tags.number, tags.bool, tags.null], class: 'tok-number' },
  { tag: [tags.comment, tags.lineComment, tags.blockComment], class: 'tok-comment' },
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], class: 'tok-property' },
  { tag: [tags.function(tags.variableName), tags.function(tags.propertyName)], class: 'tok-function' },
  { tag: [tags.punctuation, tags.bracket, tags.operator], class: 'tok-punctuation' },
  { tag: tags.typeName, class: 'tok-type' },
])

export function codeEditor({ parent, text, language, label, words, onChange }: CodeEditorOptions): CodeEditor {
  let isOurs = false
  const view = new EditorView({
    parent,
    state: EditorState.create({
      doc: text,
      extensions: [
        lineNumbers(),
        history(),
        drawSelection(),
        indentOnInput(),
        bracketMatching(),
        EditorView.lineWrapping,
        highlightActiveLine(),
        syntaxHighlighting(highlight),
        language === 'plan' ? json() : javascript({ typescript: true }),
        autocompletion({ override: [(context) => completions(context, words)] }),
        keymap.of([indentWithTab, ...defaultKeymap, ...historyKeymap, ...completionKeymap, ...lintKeymap]),
        EditorView.contentAttributes.of({ tabindex: '0', 'aria-label': label, 'aria-describedby': 'editor-keys' }),
        EditorView.updateListener.of((update) => {
          if (update.docChanged && !isOurs) onChange(update.state.doc.toString())
        }),
      ],
    }),
  })
  return {
    text: () => view.state.doc.toString(),
    setText: (next) => {
      if (next === view.state.doc.toString()) return
      isOurs = true
      view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: next } })
      isOurs = false
    },
    mark: (problem) => view.dispatch(setDiagnostics(view.state, problem === null ? [] : [diagnosticOf(view, problem)])),
    focus: () => view.focus(),
  }
}

/** Names of the package, behind a letter or a point. */
function completions(context: CompletionContext, words: readonly string[]): CompletionResult | null {
  const word = context.matchBefore(/[\w$]+/)
  if (word === null || (word.from === word.to && !context.explicit)) return null
  return { from: word.from, options: words.map((label) => ({ label })), validFor: /^[\w$]*$/ }
}

function diagnosticOf(view: EditorView, problem: Problem): Diagnostic {
  const { from, to } = rangeOf(view, problem)
  const { suggestion } = problem
  const word = view.state.sliceDoc(from, to)
  const quote = /^["'].*["']$/.test(word) ? word[0]! : ''
  const replace =
    suggestion === null || to - from > 80
      ? []
      : [
          {
            name: `Replace by ${suggestion}`,
            apply: (target: EditorView, start: number, end: number) =>
              target.dispatch({ changes: { from: start, to: end, insert: `${quote}${suggestion}${quote}` } }),
          },
        ]
  return { from, to, severity: 'error', message: `${problem.code}: ${problem.message}`, actions: replace }
}

/** The place of a problem, narrowed to the word that was found there. */
function rangeOf(view: EditorView, { place, found }: Problem): { readonly from: number; readonly to: number } {
  const { doc } = view.state
  if (place?.kind === 'path') {
    const node = nodeAt(view, place.path)
    if (node !== null) {
      // A field that is unknown is named by its property, not by its value.
      const { from, to } = node
      const { from: outerFrom, to: outerTo } = node.parent ?? node
      return narrowed(view, from, to, found, narrowed(view, outerFrom, outerTo, found, { from, to }))
    }
  }
  if (place?.kind === 'text' && place.line <= doc.lines) {
    const line = doc.line(Math.max(1, place.line))
    const at = Math.min(line.from + Math.max(0, place.column - 1), line.to)
    return found === null ? wordAt(view, at, line.to) : narrowed(view, at, statementEnd(view, at), found, wordAt(view, at, line.to))
  }
  return { from: 0, to: Math.min(doc.length, doc.line(1).to) }
}

function narrowed(
  view: EditorView,
  from: number,
  to: number,
  found: string | null,
  otherwise = { from, to },
): { readonly from: number; readonly to: number } {
  if (found === null) return otherwise
  const text = view.state.sliceDoc(from, to)
  const bare = found.replace(/^the field /, '')
  for (const candidate of [bare, bare.startsWith('"') ? `'${bare.slice(1, -1)}'` : bare]) {
    const at = text.indexOf(candidate)
    if (at >= 0) return { from: from + at, to: from + at + candidate.length }
  }
  return otherwise
}

function wordAt(view: EditorView, at: number, lineEnd: number): { readonly from: number; readonly to: number } {
  const word = /^[\w$]+/.exec(view.state.sliceDoc(at, lineEnd))
  return { from: at, to: word === null ? Math.min(lineEnd, at + 1) : at + word[0].length }
}

/** The end of the call that begins at a place: where its brackets are closed. */
function statementEnd(view: EditorView, at: number): number {
  const text = view.state.sliceDoc(at)
  let depth = 0
  for (let index = 0; index < text.length; index++) {
    const char = text[index]!
    if ('([{'.includes(char)) depth++
    if (')]}'.includes(char) && --depth <= 0) return at + index + 1
  }
  return at + text.length
}

/** The value that a path such as `operators[2].columns[0]` leads to, or the nearest one above it that is there. */
function nodeAt(view: EditorView, path: string): Node | null {
  let node: Node | null = syntaxTree(view.state).topNode.firstChild
  for (const part of path.matchAll(/([A-Za-z_$][\w$]*)|\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]/g)) {
    if (node === null) return null
    const [, name, index, quoted] = part
    const next: Node | null | undefined = index === undefined ? propertyOf(view, node, name ?? quoted ?? '') : valuesOf(node)[Number(index)]
    if (next === undefined || next === null) break
    node = next
  }
  return node
}

type Node = NonNullable<ReturnType<typeof syntaxTree>['topNode']['firstChild']>

function valuesOf(array: Node): Node[] {
  const values: Node[] = []
  for (let child = array.firstChild; child !== null; child = child.nextSibling) {
    if (!['[', ']', ',', '⚠'].includes(child.name)) values.push(child)
  }
  return values
}

function propertyOf(view: EditorView, object: Node, name: string): Node | null {
  for (const property of object.getChildren('Property')) {
    const key = property.getChild('PropertyName')
    if (key !== null && view.state.sliceDoc(key.from, key.to) === JSON.stringify(name)) return property.lastChild
  }
  return null
}
