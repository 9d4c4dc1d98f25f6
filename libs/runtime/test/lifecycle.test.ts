import type { Logger } from '@fencepost/model'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createLifecycle, type Lifecycle, type Part } from '../src/index.ts'

let events: string[] = []
let errors: string[] = []
let lifecycle: Lifecycle
beforeEach(() => {
  events = []
  errors = []
  const logger: Logger = {
    info() {},
    warn() {},
    error: (fields, msg) => errors.push(`${msg}: ${fields['part']}`),
  }
  lifecycle = createLifecycle(logger)
})

afterEach(() => {
  vi.useRealTimers()
})

function add(name: string, overrides: Partial<Part> = {}): void {
  lifecycle.add({
    name,
    async start() {
      events.push(`start ${name}`)
    },
    async stop() {
      events.push(`stop ${name}`)
    },
    ...overrides,
  })
}

const never = (): Promise<void> => new Promise(() => {})

describe('a lifecycle', () => {
  test('starts in order and stops in reverse', async () => {
    for (const name of ['a', 'b', 'c']) add(name)
    await lifecycle.start()
    expect(await lifecycle.stop(1000)).toBe(true)
    expect(events).toEqual(['start a', 'start b', 'start c', 'stop c', 'stop b', 'stop a'])
  })

  test('whose part fails to start stops what had started, that part too, and throws its error', async () => {
    add('a')
    add('b', { start: () => Promise.reject(new Error('no port')) })
    add('c')
    await expect(lifecycle.start()).rejects.toThrow('no port')
    expect(events).toEqual(['start a', 'stop b', 'stop a'])
    expect(await lifecycle.stop(1000)).toBe(true)
    expect(events.length).toBe(3)
  })

  test('stops nothing before its start, and nothing twice, also at the same time', async () => {
    add('a')
    expect(await lifecycle.stop(1000)).toBe(true)
    await lifecycle.start()
    await Promise.all([lifecycle.stop(1000), lifecycle.stop(1000)])
    await lifecycle.stop(1000)
    expect(events).toEqual(['start a', 'stop a'])
  })

  test('passes over a part that hangs or fails, by name, and says that not all was in time', async () => {
    add('a')
    add('b', { stop: never })
    add('c', { stop: () => Promise.reject(new Error('broken')) })
    await lifecycle.start()
    expect(await lifecycle.stop(100)).toBe(false)
    expect(events).toEqual(['start a', 'start b', 'start c', 'stop a'])
    expect(errors).toEqual(['part failed to stop: c', 'part did not stop in time: b'])
  })

  test('keeps time back for the parts after one that hangs', async () => {
    const given: number[] = []
    for (const name of ['a', 'b']) {
      add(name, {
        async stop(deadlineMs) {
          given.push(deadlineMs)
        },
      })
    }
    add('c', {
      stop(deadlineMs) {
        given.push(deadlineMs)
        return never()
      },
    })
    await lifecycle.start()
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
    const stopping = lifecycle.stop(1000)
    await vi.advanceTimersByTimeAsync(800)
    expect(await stopping).toBe(false)
    // c has all but a tenth for each of the two after it; b leaves a's tenth, and a has what is left.
    expect(given).toEqual([800, 100, 200])
  })

  test('stopped while it starts starts nothing more, and leaves nothing started', async () => {
    let startB = (): void => {}
    add('a')
    add('b', {
      start: () =>
        new Promise((resolve) => {
          startB = resolve
        }),
    })
    add('c')
    const starting = lifecycle.start()
    await Promise.resolve()
    await lifecycle.stop(1000)
    startB()
    await expect(starting).rejects.toThrow('stopped while starting')
    expect(events).toEqual(['start a', 'stop b', 'stop a', 'stop b'])
  })
})
