// The scanner against JSON.parse: the same texts are JSON to both, wherever they are cut.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BEGIN, END, FAULT, isSpace, JsonScanner, MORE, TOO_DEEP } from '../src/json-scanner.ts'
import { anyJson, anyMarks, anySizes, piecesOf, withSlip } from './chunks.ts'

const RUNS = 20_000

type Event = readonly [what: 'begin' | 'end', isKey: boolean, level: number, offset: number]
interface Scan {
  readonly events: readonly Event[]
  /** What ended it, and where: the value is complete, the text was too short, or a byte was wrong. */
  readonly outcome: 'complete' | 'short' | 'fault' | 'deep'
  readonly offset: number
}

function scan(text: string, { sizes = [1000], watch = 0, maxDepth = 64 } = {}): Scan {
  const scanner = new JsonScanner(maxDepth)
  scanner.watch = watch
  const events: Event[] = []
  let behind = 0
  let done = false
  for (const piece of piecesOf(Buffer.from(text), sizes)) {
    let at = 0
    while (at < piece.length) {
      if (done) {
        if (!isSpace(piece[at] as number)) return { events, outcome: 'fault', offset: behind + at }
        at++
        continue
      }
      at = scanner.scan(piece, at)
      const { event, level, isKey } = scanner
      if (event === FAULT || event === TOO_DEEP)
        return { events, outcome: event === FAULT ? 'fault' : 'deep', offset: behind + at }
      if (event === MORE) expect(at).toBe(piece.length)
      else events.push([event === BEGIN ? 'begin' : 'end', isKey, level, behind + at - (event === BEGIN ? 1 : 0)])
      done = event === END && level === 0 && !isKey
    }
    behind += piece.length
  }
  return { events, outcome: done ? 'complete' : 'short', offset: behind }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** A number at the very end may go on, so the scanner has to see what is behind it. */
const isJsonToScanner = (text: string, sizes: number[]): boolean => scan(`${text} `, { sizes }).outcome === 'complete'

describe('the scanner', () => {
  it.each([
    ['texts', anyJson, 3000],
    ['texts with a slip', withSlip(anyJson), RUNS],
    ['texts with two slips', withSlip(withSlip(anyJson)), RUNS],
    ['marks', anyMarks, RUNS],
  ])('takes what JSON.parse takes and refuses what it refuses: %s', (_, texts, numRuns) => {
    let taken = 0
    fc.assert(
      fc.property(texts, anySizes, (text, sizes) => {
        const expected = isJson(text)
        if (expected) taken++
        expect(isJsonToScanner(text, sizes)).toBe(expected)
      }),
      { seed: 4, numRuns },
    )
    expect(taken).toBeGreaterThan(100)
  })

  it.each(
    ['0', '-0', '10', '1.5', '0.5e3', '1E+2', '1e-2', '0e0', '-1.0E10'].concat(
      [
        '',
        '-',
        '01',
        '00',
        '.5',
        '1.',
        '1.e5',
        '1e',
        '1e+',
        '+1',
        '--1',
        '1.5.5',
        '1e5e5',
        '1e5.5',
        '0x1',
        '1_0',
        '-a',
      ],
      ['NaN', 'Infinity', 'nul', 'nulll', 'truefalse', 'True', 'tru e'],
      ['"\\', '"\\"', '"\\x"', '"\\u12g4"', '"\\u12"', '"\\uD800"', '"\t"', '"\u007f"', '"\u2028"', "'a'"],
      [
        '[1,]',
        '[,1]',
        '[1 2]',
        '[]]',
        '[}',
        '{]',
        '{"a"}',
        '{"a":}',
        '{"a":1,}',
        '{,}',
        '{1:2}',
        '{"a":1 "b":2}',
        '{"a"::1}',
      ],
      ['\ufeff1', '1\u00a0', '[1]x', '1 1', '// 1', '[1]//', ']', '}', ':', ','],
    ),
  )('judges %j as JSON.parse does, byte by byte', (text) => {
    expect(isJsonToScanner(text, [1])).toBe(isJson(text))
  })

  it('tells of values and keys down to the level that is watched', () => {
    const text = ' {"a": [1, {"b": 2}], "c":"d" } '
    expect(scan(text, { watch: 0 }).events).toEqual([
      ['begin', false, 0, 1],
      ['end', false, 0, 31],
    ])
    const first: Event[] = [
      ['begin', false, 0, 1],
      ['begin', true, 1, 2],
      ['end', true, 1, 5],
      ['begin', false, 1, 7],
    ]
    const last: Event[] = [
      ['end', false, 1, 20],
      ['begin', true, 1, 22],
      ['end', true, 1, 25],
      ['begin', false, 1, 26],
      ['end', false, 1, 29],
      ['end', false, 0, 31],
    ]
    for (const sizes of [[1], [2], [3], [1000]]) {
      expect(scan(text, { watch: 1, sizes }).events).toEqual([...first, ...last])
      expect(scan(text, { watch: 2, sizes }).events).toEqual([
        ...first,
        ['begin', false, 2, 8],
        ['end', false, 2, 9],
        ['begin', false, 2, 11],
        ['end', false, 2, 19],
        ...last,
      ])
    }
  })

  it.each([
    ['[1,2,x]', 5],
    ['{"a":"\u0001"}', 6],
    ['{"a" 1}', 5],
    ['[true,fasle]', 8],
    ['[-]', 2],
    ['["\\u00e"]', 7],
    ['[1] 2', 4],
  ])('says which byte of %j is wrong', (text, offset) => {
    for (const sizes of [[1], [3], [1000]]) expect(scan(text, { sizes })).toMatchObject({ outcome: 'fault', offset })
  })

  it.each(['[', '{"a":', '"a', '[1', 'tru', '{"a"', '[1,'])('waits for more after %j', (text) => {
    expect(scan(text)).toMatchObject({ outcome: 'short' })
  })

  it('takes brackets as deep as it may and refuses one deeper', () => {
    const nested = (depth: number): string => `${'[{"a":'.repeat(depth / 2)}1${'}]'.repeat(depth / 2)}`
    expect(scan(nested(6), { maxDepth: 6 }).outcome).toBe('complete')
    expect(scan(nested(8), { maxDepth: 6 })).toMatchObject({ outcome: 'deep', offset: 18 })
  })

  it('reads another text after a reset, whatever the last one left', () => {
    const scanner = new JsonScanner(8)
    for (const text of ['{"a":', '[[', '{"a', '[1']) {
      scanner.scan(Buffer.from(text), 0)
      scanner.reset()
      const bytes = Buffer.from('[{"a":[]}]')
      let at = scanner.scan(bytes, 0)
      while (at < bytes.length) at = scanner.scan(bytes, at)
      expect([scanner.event, scanner.level]).toEqual([END, 0])
      scanner.reset()
    }
  })
})
