import { expect, test } from 'vitest'
import * as browser from '../../adapters/browser.ts'
import * as core from '../../runtime/index.ts'
import * as edge from '../../adapters/edge.ts'
import * as mqtt from '../../adapters/mqtt.ts'
import * as node from '../../adapters/node.ts'
import * as react from '../../adapters/react.ts'
import * as testing from '../../adapters/testing.ts'
import * as worker from '../../runtime/worker.ts'

test('the names of `millrace` are those of this list', () => {
  expect(Object.keys(core).sort()).toMatchSnapshot()
})

test('the names of `millrace/node` are those of this list', () => {
  expect(Object.keys(node).sort()).toMatchSnapshot()
})

test('the names of `millrace/edge` are those of this list', () => {
  expect(Object.keys(edge).sort()).toMatchSnapshot()
})

test('the names of `millrace/testing` are those of this list', () => {
  expect(Object.keys(testing).sort()).toMatchSnapshot()
})

test('the names of `millrace/worker` and `millrace/react` are those of this list', () => {
  expect(Object.keys(worker).sort()).toEqual(['serve'])
  expect(Object.keys(react).sort()).toEqual(['useJobStatus', 'useStream'])
})

test('the names of `millrace/browser` are those of this list', () => {
  expect(Object.keys(browser).sort()).toMatchSnapshot()
})

test('the names of `millrace/mqtt` are those of this list', () => {
  expect(Object.keys(mqtt).sort()).toMatchSnapshot()
})
