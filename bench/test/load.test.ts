import { createFenceIndex } from '@fencepost/match'
import { SlotList } from '@fencepost/model'
import { createDecoder } from '@fencepost/wire'
import { describe, expect, it } from 'vitest'
import { cpuTicks } from '../src/load/cpu.ts'
import type { RowResult } from '../src/load/drive.ts'
import { Pacer } from '../src/load/pacer.ts'
import { ROWS, type Row, rowBodies, rowRate } from '../src/load/rows.ts'
import { readLoadSettings, UsageError } from '../src/load/settings.ts'
import { renderSummaries, summarise } from '../src/load/summary.ts'
import type { Window } from '../src/load/window.ts'
import { syntheticFences } from '../src/synthetic.ts'

describe('pacer', () => {
  function senders(count: number): { sent: number[]; all: { send(): void }[] } {
    const sent: number[] = []
    return { sent, all: Array.from({ length: count }, (_, i) => ({ send: () => sent.push(i) })) }
  }

  it('sends what is due, no more, however many connections are idle', () => {
    const pacer = new Pacer(2000)
    const { sent, all } = senders(5)
    for (const sender of all) pacer.ready(wrap(pacer, sender, 0))
    pacer.tick(100)
    expect(sent).toHaveLength(1)
    pacer.tick(101)
    expect(sent).toHaveLength(3)
  })

  it('counts latency from the moment a request fell due when no connection was idle', () => {
    const pacer = new Pacer(1000)
    pacer.tick(100)
    pacer.tick(101)
    expect(pacer.waiting).toBe(2)
    const dues: number[] = []
    pacer.ready({ send: () => dues.push(pacer.takeDue(109)) })
    pacer.ready({ send: () => dues.push(pacer.takeDue(110)) })
    expect(dues).toEqual([100, 101])
    expect(pacer.waiting).toBe(0)
  })

  it('sends at once when flat out, and nothing after close', () => {
    const pacer = new Pacer(0)
    const { sent, all } = senders(2)
    pacer.ready(all[0]!)
    pacer.close()
    pacer.ready(all[1]!)
    expect(sent).toEqual([0])
  })

  function wrap(pacer: Pacer, sender: { send(): void }, now: number): { send(): void } {
    return {
      send() {
        pacer.takeDue(now)
        sender.send()
      },
    }
  }
})

describe('rows', () => {
  const fences = syntheticFences({ count: 500, seed: 11 })
  const index = createFenceIndex(fences)

  it.each(ROWS.map((row) => [row.name, row] as const))('%s is what it says, one device a body', (_, row) => {
    const sent = 1_742_040_000_000
    const bodies = rowBodies(row, { index, fences: 500, fenceSeed: 11, devices: 3, sent })
    const decoder = createDecoder({ maxPings: 100, maxAgeMs: 3_600_000, maxFutureMs: 0 })
    const out = new SlotList()
    const devices = new Set<string>()
    for (const body of bodies) {
      expect(decoder.decode(body, 'msgpack', sent)).toBeNull()
      const { columns, text, deviceStart, deviceLength } = decoder.batch
      devices.add(Buffer.from(text.subarray(deviceStart, deviceStart + deviceLength)).toString())
      expect(columns.count).toBe(row.pings)
      for (let i = 0; i < columns.count; i++) {
        expect(columns.reason[i]).toBe(0)
        index.matchInto('t', columns.lon[i]!, columns.lat[i]!, out)
        expect(out.length).toBe(row.hitsPerPing)
      }
    }
    expect(devices.size).toBe(3)
  })

  it.each([
    ['100 pings, no hit', 4000],
    ['1 ping, 1 hit', 4000],
    ['20 pings, 1 hit each', 4000],
    ['100 pings, 1 hit each', 1000],
  ])('%s runs at %d/s', (name, rate) => {
    expect(rowRate(ROWS.find((row) => row.name === name)!, 4000, 100_000)).toBe(rate)
  })
})

describe('the command line', () => {
  const defaults = { json: 'out.json' }

  it('runs nine rounds of every row, at a fixed rate and flat out, unless told otherwise', () => {
    expect(readLoadSettings([], defaults)).toMatchObject({
      mode: 'both',
      rounds: 9,
      ratePerS: 4000,
      connections: 32,
      rows: ROWS,
      target: null,
    })
  })

  it.each([
    [['--mode', 'loud'], '--mode must be one of both, fixed, flat, got "loud"'],
    [['--rounds', '0'], '--rounds must be 1..1000, got "0"'],
    [['--rate', 'x'], '--rate must be 1..1000000, got "x"'],
    [['--only', 'nothing'], '--only "nothing" names no row'],
    [['--target', 'http://example.com', '--key', 'k'], '--target must be http:// on 127.0.0.1'],
    [['--target', 'http://127.0.0.1:1'], '--target needs --key'],
    [['--pid', '3'], '--key and --pid go with --target'],
    [['--threads', '65'], '--threads must be 1..64, got "65"'],
    [['--threads', '1.5'], '--threads must be a whole number, got "1.5"'],
    [['--what'], "Unknown option '--what'"],
  ])('refuses %j', (args, message) => {
    expect(() => readLoadSettings(args, defaults)).toThrow(UsageError)
    expect(() => readLoadSettings(args, defaults)).toThrow(message)
  })

  it('asks for nothing but help', () => {
    expect(readLoadSettings(['--help'], defaults)).toBeNull()
  })
})

describe('a summary', () => {
  const row: Row = { name: '20 pings, no hit', pings: 20, hitsPerPing: 0, target: 2 }
  const window = (changes: Partial<Window> = {}): Window => ({
    requests: 4000,
    seconds: 1,
    p50: 1,
    p99: 2,
    p999: 3,
    max: 4,
    non2xx: 0,
    errors: 0,
    timeouts: 0,
    answerBytes: 4000 * 150,
    clientLoad: 0.2,
    cpuUsPerRequest: 10,
    ...changes,
  })
  const result = (changes: Partial<RowResult>): RowResult => ({
    row,
    load: 'fixed',
    ratePerS: 4000,
    threadCount: 1,
    bodyBytes: 400,
    matched: 0,
    node: [window({ cpuUsPerRequest: 15 }), window({ cpuUsPerRequest: 30 }), window({ cpuUsPerRequest: 18 })],
    floor: [window(), window({ cpuUsPerRequest: 20 }), window()],
    threads: [],
    idleUsPerS: { node: 0, threads: Number.NaN, floor: 0 },
    rssBytes: { node: 90e6, threads: Number.NaN, floor: 50e6 },
    ...changes,
  })

  it('takes the ratio round by round, not of the medians', () => {
    const { ratio, node, faults } = summarise(result({}))
    expect(ratio).toEqual({ q1: 1.5, median: 1.5, q3: 1.65 })
    expect(node).toMatchObject({ cpuUsPerRequest: 18, cpuUsPerPing: 0.9, pingsPerS: 80_000 })
    expect(faults).toEqual([])
  })

  it.each([
    ['an answer that was no 200', { node: [window({ non2xx: 1 })] }, ['1 requests to the node failed']],
    ['a broken connection', { floor: [window({ errors: 2 })] }, ['2 requests to the floor failed']],
    [
      'a rate that was not reached',
      { node: [window({ requests: 3800, answerBytes: 3800 * 150 })] },
      ['the node got 3800/s of 4000/s'],
    ],
    [
      'answers of another size',
      { floor: [window({ answerBytes: 4000 * 149 })] },
      ['answers differ in size: node 150, floor 149 bytes'],
    ],
  ])('does not believe a row with %s', (_, changes, faults) => {
    expect(summarise(result({ node: [window()], floor: [window()], ...changes })).faults).toEqual(faults)
  })

  it('prints the target beside the ratio', () => {
    expect(renderSummaries([summarise(result({}))])).toContain('1.50 (1.50..1.65)  within 2')
    expect(
      renderSummaries([summarise(result({ node: [window({ cpuUsPerRequest: 21 })], floor: [window()] }))]),
    ).toContain('OVER 2')
  })

  it('holds several threads against one, round by round', () => {
    const threads = [15, 33, 18].map((cpuUsPerRequest) => window({ cpuUsPerRequest }))
    const rssBytes = { node: 90e6, threads: 120e6, floor: 50e6 }
    const summary = summarise(result({ threads, rssBytes }))
    expect(summarise(result({ threads, threadCount: 2 })).faults).toEqual([
      'the node with several threads got 4000/s of 8000/s',
    ])
    expect(summary.threadsRatio).toEqual({ q1: 1, median: 1, q3: 1.05 })
    expect(summary.threads).toMatchObject({ cpuUsPerRequest: 18, rssBytes: 120e6 })
    expect(renderSummaries([summary])).toContain('1.00 (1.00..1.05) of one thread')
    expect(summarise(result({ threads: [window({ errors: 1 })] })).faults).toEqual([
      '1 requests to the node with several threads failed',
    ])
  })

  it('has no ratio without a floor', () => {
    expect(summarise(result({ floor: [] }))).toMatchObject({ ratio: null, floor: null, faults: [] })
  })
})

describe('/proc/<pid>/stat', () => {
  it('is read past a command with spaces and brackets', () => {
    expect(cpuTicks('12 (a) b (c) R 1 2 3 4 5 6 7 8 9 10 140 24 0 0 20 0')).toBe(164)
  })

  it('is refused when it is none', () => {
    expect(() => cpuTicks('nothing')).toThrow(RangeError)
  })
})
