// The splitter against JSON.parse of the whole, and what JSON.parse does not know: sequences, limits, places.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createFeatureSplitter, FENCE_LIMITS, FenceError, type SplitterOptions } from '../src/index.ts'
import { anyJson, anySizes, piecesOf, withSlip } from './chunks.ts'

interface Split {
  /** Positions that were told, with the value or null for one that is too large. */
  readonly told: readonly (readonly [position: number, value: unknown])[]
  readonly features: number
  readonly code: string
  readonly message: string
}

const OVERSIZED = Symbol('oversized')
const CUTS = [[1], [2], [3], [7], [64], [100_000]]

function split(text: string | Uint8Array, sizes: readonly number[] = [100_000], options: SplitterOptions = {}): Split {
  const told: [number, unknown][] = []
  const splitter = createFeatureSplitter(
    {
      feature: (value, position) => told.push([position, value]),
      oversized: (position) => told.push([position, OVERSIZED]),
    },
    options,
  )
  const end = (code: string, message: string): Split => ({ told, features: splitter.features, code, message })
  try {
    for (const piece of piecesOf(Buffer.from(text as string), sizes)) splitter.push(piece)
    splitter.finish()
    return end('ok', '')
  } catch (error) {
    if (!(error instanceof FenceError)) throw error
    return end(error.code, error.message)
  }
}

/** The features of a text that is split without fault, at every cut alike. */
function featuresOf(text: string | Uint8Array, options?: SplitterOptions): unknown[] {
  for (const sizes of CUTS) {
    const { told, features, message } = split(text, sizes, options)
    expect(message).toBe('')
    expect(told.map(([position]) => position)).toEqual(told.map((_, i) => i))
    expect(features).toBe(told.length)
  }
  return split(text, [5], options).told.map(([, value]) => value)
}

/** Why a text is refused, at every cut alike. */
function refusalOf(text: string | Uint8Array, options?: SplitterOptions): string {
  const messages = CUTS.map((sizes) => split(text, sizes, options).message)
  expect(new Set(messages).size).toBe(1)
  return messages[0] as string
}

const feature = (id: unknown, more: object = {}): object => ({ type: 'Feature', id, properties: { a: '}]"' }, ...more })

describe('a collection', () => {
  const [one, two] = [feature('one'), feature('two')]
  const list = JSON.stringify([one, two])

  it.each([
    ['with its type first', `{"type":"FeatureCollection","features":${list}}`],
    ['with its type last', `{"features":${list},"type":"FeatureCollection"}`],
    [
      'among other members',
      `{"a":{"features":[1]},"type":"FeatureCollection","b":[[{}]],"features":${list},"c":null,"d":-1e5}`,
    ],
    [
      'with members that have no name or a long one',
      `{"":1,"${'x'.repeat(500)}":2,"type":"FeatureCollection","features":${list}}`,
    ],
    ['with escaped names', `{"\\u0074ype":"Feature\\u0043ollection","\\u0066eature\\u0073":${list}}`],
    [
      'with every letter escaped',
      `{"type":"${[...'FeatureCollection'].map((c) => `\\u00${c.charCodeAt(0).toString(16)}`).join('')}","features":${list}}`,
    ],
    ['spaced out', JSON.stringify({ type: 'FeatureCollection', features: [one, two] }, null, '\r\n\t ')],
    ['with two types, of which the last counts', `{"type":5,"type":"FeatureCollection","features":${list}}`],
    ['after a byte order mark', `\ufeff{"type":"FeatureCollection","features":${list}}`],
    ['behind a record separator', `\u001e{"type":"FeatureCollection","features":${list}}\n`],
  ])('is read %s', (_, text) => {
    expect(featuresOf(text)).toEqual([one, two])
  })

  it('may be empty, and may hold anything where features should be', () => {
    expect(featuresOf('{"type":"FeatureCollection","features":[]}')).toEqual([])
    const items = [null, true, 1.5, -0, '', 'é😀\u2028', [], [[1]], {}, { type: 'FeatureCollection', features: [1] }, 7]
    expect(featuresOf(JSON.stringify({ type: 'FeatureCollection', features: items }))).toEqual(
      JSON.parse(JSON.stringify(items)),
    )
  })

  it.each([
    ['', 'byte 0: is not JSON: the text ends too early'],
    [' \n ', 'byte 3: is not JSON: the text ends too early'],
    ['\ufeff', 'byte 3: is not JSON: the text ends too early'],
    ['{"type":"FeatureCollection"}', 'byte 28: expected a GeoJSON FeatureCollection or Feature'],
    ['{"type":"FeatureCollection","features":{}}', 'byte 42: expected a GeoJSON FeatureCollection or Feature'],
    ['{"features":[1]}', 'after feature 0, byte 16: expected a GeoJSON FeatureCollection or Feature'],
    ['{"type":"Topology","features":[]}', 'byte 33: expected a GeoJSON FeatureCollection or Feature'],
    ['{"type":["FeatureCollection"],"features":[]}', 'byte 44: expected a GeoJSON FeatureCollection or Feature'],
    [
      '{"type":"FeatureCollection","type":null,"features":[]}',
      'byte 54: expected a GeoJSON FeatureCollection or Feature',
    ],
    [
      '{"type":"Feature","features":[]}',
      'byte 32: expected a GeoJSON FeatureCollection or Feature (a Feature with "features")',
    ],
    [
      '{"features":[],"features":[]}',
      'byte 26: expected a GeoJSON FeatureCollection or Feature (a second member "features")',
    ],
    ['[]', 'byte 0: expected a GeoJSON FeatureCollection or Feature'],
    ['null', 'byte 0: expected a GeoJSON FeatureCollection or Feature'],
    ['"{}"', 'byte 0: expected a GeoJSON FeatureCollection or Feature'],
    ['<html>', 'byte 0: is not JSON'],
    ['\u00ef\u00bb', 'byte 0: is not JSON'],
    ['{"type":"FeatureCollection","features":[]} x', 'byte 43: is not JSON'],
    ['{"type":"FeatureCollection","features":[]}\n{}', 'byte 43: is not JSON'],
    ['{"type":"FeatureCollection","features":[1,2}', 'after feature 1, byte 43: is not JSON'],
    ['{"type":"FeatureCollection","features":[{},{"a":[1,]}]}', 'feature 1, byte 51: is not JSON'],
    ['{"type":"FeatureCollection","features":[{},{"a"', 'feature 1, byte 47: is not JSON: the text ends too early'],
    ['{"type":"FeatureCollection","features":[{},', 'after feature 0, byte 43: is not JSON: the text ends too early'],
    [
      '{"type":"FeatureCollection","features":[{}],"b":fal',
      'after feature 0, byte 51: is not JSON: the text ends too early',
    ],
  ])('%j is refused with the place', (text, message) => {
    expect(refusalOf(text)).toBe(message)
  })

  it('is refused when a byte order mark is cut short or stands elsewhere', () => {
    expect(refusalOf(Buffer.from([0xef, 0xbb, 0x7b, 0x7d]))).toBe('byte 2: is not JSON')
    expect(refusalOf(Buffer.from([0xff, 0xfe, 0x7b, 0x00]))).toBe('byte 0: is not JSON')
    expect(refusalOf(' \ufeff{}')).toBe('byte 1: is not JSON')
    expect(refusalOf('\ufeff\ufeff{}')).toBe('byte 3: is not JSON')
  })

  it('reads bytes that are no UTF-8 as a decoder would: a replacement in text, a fault outside of it', () => {
    const bytes = (inside: number[]): Buffer =>
      Buffer.concat([Buffer.from('{"type":"FeatureCollection","features":["'), Buffer.from(inside), Buffer.from('"]}')])
    for (const inside of [[0xff], [0xc3], [0xe2, 0x82], [0xf0, 0x9f, 0x98], [0xed, 0xa0, 0x80]]) {
      const whole = JSON.parse(bytes(inside).toString('utf8')) as { features: unknown[] }
      expect(featuresOf(bytes(inside))).toEqual(whole.features)
    }
    expect(refusalOf(Buffer.from([0x7b, 0xff, 0x7d]))).toBe('byte 1: is not JSON')
  })
})

describe('a single feature', () => {
  it.each([
    ['plain', feature('one')],
    ['with a member "features" that is no list', feature('one', { features: { a: 1 } })],
    ['with a long text', feature('one', { note: '…'.repeat(5000) })],
  ])('is one: %s', (_, one) => {
    expect(featuresOf(JSON.stringify(one))).toEqual([one])
    expect(featuresOf(`\n ${JSON.stringify(one, null, 2)}\r\n`)).toEqual([one])
  })
})

describe('a sequence', () => {
  const records = [
    feature(1),
    feature('two', { note: 'é' }),
    null,
    { type: 'FeatureCollection', features: [1] },
    feature(5),
  ]
  const lines = records.map((record) => JSON.stringify(record))

  it.each([
    ['in lines', lines.join('\n')],
    ['in lines, the last ended too', `${lines.join('\n')}\n`],
    ['in lines with carriage returns, some empty', `\ufeff\n${lines.join('\r\n\r\n')}\r\n\r\n`],
    ['behind record separators', lines.map((line) => `\u001e${line}\n`).join('')],
    ['behind record separators alone', lines.map((line) => `\u001e${line}`).join('')],
    ['over several lines', lines.map((line) => JSON.stringify(JSON.parse(line), null, 2)).join('\n')],
    ['with separators that have nothing behind them', `\u001e\u001e${lines.join('\n\u001e\u001e\n')}\u001e`],
  ])('is read %s', (_, text) => {
    expect(featuresOf(text)).toEqual(records)
  })

  it.each([
    ['two on one line', `${lines[0]} ${lines[1]}`, 'after feature 0, byte 52: is not JSON'],
    ['a comma between two', `${lines[0]},\n${lines[1]}`, 'after feature 0, byte 51: is not JSON'],
    ['a line that is cut', `${lines[0]}\n{"type":"Feature","id\n${lines[1]}`, 'feature 1, byte 73: is not JSON'],
    [
      'a cut line with an object behind it',
      `${lines[0]}\n{"type":\n${lines[1]}\n${lines[1]}`,
      'feature 1, byte 129: is not JSON',
    ],
    ['a cut end', `${lines[0]}\n{"type":`, 'feature 1, byte 60: is not JSON: the text ends too early'],
    ['a separator within a record', `\u001e{"type":\u001e"Feature"}`, 'byte 9: is not JSON'],
    ['a line that is no JSON', `${lines[0]}\nid,name\n`, 'after feature 0, byte 52: is not JSON'],
    [
      'a first line that is no feature',
      `{"level":"info"}\n${lines[0]}`,
      'byte 16: expected a GeoJSON FeatureCollection or Feature',
    ],
    ['a number that may go on', `${lines[0]}\n12`, 'feature 1, byte 54: is not JSON: the text ends too early'],
  ])('is refused with %s', (_, text, message) => {
    expect(refusalOf(text)).toBe(message)
  })
})

describe('limits', () => {
  const sized = (bytes: number): string => `{"type":"Feature","x":"${'x'.repeat(bytes - 25)}"}`
  const small = sized(30)

  it('takes a feature of the most bytes, and reads over one with a byte more', () => {
    const items = [sized(100), sized(101), small, sized(5000), sized(100)]
    const expected = [sized(100), null, small, null, sized(100)].map((text) =>
      text === null ? OVERSIZED : JSON.parse(text),
    )
    const options = { maxFeatureBytes: 100 }
    expect(featuresOf(`{"type":"FeatureCollection","features":[${items}]}`, options)).toEqual(expected)
    expect(featuresOf([small, ...items].join('\n'), options)).toEqual([JSON.parse(small), ...expected])
    expect(featuresOf(sized(100), options)).toEqual([JSON.parse(sized(100))])
    expect(featuresOf(sized(101), options)).toEqual([OVERSIZED])
    expect(featuresOf(`${sized(101)}\n${small}`, options)).toEqual([OVERSIZED, JSON.parse(small)])
  })

  it('does not count what is no feature', () => {
    const text = `{"a":"${'x'.repeat(500)}","type":"FeatureCollection","b":[${'1,'.repeat(500)}1],"features":[${small}],"c":"${'x'.repeat(500)}"}`
    expect(featuresOf(text, { maxFeatureBytes: 30 })).toEqual([JSON.parse(small)])
  })

  it('still refuses what is no JSON in a feature that is too large', () => {
    const text = `{"type":"FeatureCollection","features":[${sized(200).replace('"}', '",}')}]}`
    expect(refusalOf(text, { maxFeatureBytes: 100 })).toBe('feature 0, byte 240: is not JSON')
  })

  it('takes brackets as deep as it may and refuses one deeper', () => {
    const deep = (depth: number): string =>
      `{"type":"FeatureCollection","features":[${'['.repeat(depth - 2)}${']'.repeat(depth - 2)}]}`
    expect(featuresOf(deep(FENCE_LIMITS.depth))).toHaveLength(1)
    expect(refusalOf(deep(FENCE_LIMITS.depth + 1))).toBe(
      `feature 0, byte ${40 + FENCE_LIMITS.depth - 2}: at most 256 brackets may be open at once`,
    )
  })

  it('has the limit of bytes for one that is asked for nothing else', () => {
    const pieces = [`{"type":"Feature","x":"`, 'x'.repeat(FENCE_LIMITS.featureBytes - 25), '"}\n']
    const sized = (more: string): unknown[] => {
      const told: unknown[] = []
      const splitter = createFeatureSplitter({
        feature: (value) => told.push((value as { x: string }).x.length),
        oversized: (position) => told.push(`oversized ${position}`),
      })
      for (const piece of [pieces[0], pieces[1], more, pieces[2]]) splitter.push(Buffer.from(piece as string))
      splitter.finish()
      return told
    }
    expect(sized('')).toEqual([FENCE_LIMITS.featureBytes - 25])
    expect(sized('x')).toEqual(['oversized 0'])
  })
})

/** What JSON.parse of the whole makes of a text that is no sequence: the features, or null. */
function expectedOf(text: string): unknown[] | null {
  try {
    const whole = JSON.parse(text.replace(/^\ufeff/, '')) as { type?: unknown; features?: unknown } | null
    if (whole?.type === 'FeatureCollection' && Array.isArray(whole.features)) return whole.features
    return whole?.type === 'Feature' && !Array.isArray(whole.features) ? [whole] : null
  } catch {
    return null
  }
}

/** Members in any order, `features` among them. */
const anyCollection = fc
  .tuple(
    fc.array(fc.oneof(anyJson, fc.constant(JSON.stringify(feature('one')))), { maxLength: 5 }),
    fc.constantFrom('"FeatureCollection"', '"FeatureCollection"', '"Feature"', '5'),
    fc.array(fc.tuple(fc.constantFrom('a', 'crs', 'bbox', 'feature', 'Type'), anyJson), { maxLength: 3 }),
    fc.nat(),
    fc.constantFrom('', '\n', ' '),
  )
  .map(([items, type, others, turn, space]) => {
    const members = [`"type":${space}${type}`, ...others.map(([name, value]) => `"${name}":${value}`)]
    if (type !== '"Feature"') members.splice(turn % (members.length + 1), 0, `"features":[${items.join(`${space},`)}]`)
    return `${space}{${members.join(`,${space}`)}}${space}`
  })

describe('any text', () => {
  it.each([
    ['whole', anyCollection, 3000, 2000],
    ['with a slip', withSlip(anyCollection), 20_000, 1000],
    ['with two slips', withSlip(withSlip(anyCollection)), 20_000, 500],
  ])('gives the features that JSON.parse gives, or none: %s', (_, texts, numRuns, least) => {
    let taken = 0
    let refused = 0
    fc.assert(
      fc.property(texts, anySizes, (text, sizes) => {
        const expected = expectedOf(text)
        const { told, code } = split(text, sizes)
        if (expected === null) {
          refused++
          expect(code).not.toBe('ok')
        } else {
          taken++
          expect(code).toBe('ok')
          expect(told.map(([, value]) => value)).toEqual(expected)
        }
      }),
      { seed: 4, numRuns },
    )
    expect(taken).toBeGreaterThan(least)
    expect(refused).toBeGreaterThan(100)
  })

  it('that is cut short is refused, wherever the cut is', () => {
    const text = JSON.stringify({
      a: [1, 'x'],
      type: 'FeatureCollection',
      features: [feature('é'), 1.5e3],
      b: { c: true },
    })
    const bytes = Buffer.from(text)
    for (let length = 0; length < bytes.length; length++) {
      expect(split(bytes.subarray(0, length), [(length % 7) + 1]).code).toBe('truncated')
    }
    expect(split(bytes).code).toBe('ok')
  })

  it('as a sequence gives what JSON.parse gives line by line, and is refused if a line is', () => {
    const line = fc.oneof(anyJson, fc.constant('{"type":"Feature"}'))
    let refused = 0
    fc.assert(
      fc.property(fc.array(fc.oneof(line, withSlip(line)), { maxLength: 6 }), anySizes, (more, sizes) => {
        // What is over several lines, or several on one, is no matter for an oracle that goes by lines.
        fc.pre(more.every((text) => !/[\n\r]/.test(text) && text.trim() !== ''))
        const all = ['{"type":"Feature"}', ...more, '1']
        const parsed = all.map((text) => {
          try {
            return { value: JSON.parse(text) as unknown }
          } catch {
            return null
          }
        })
        const { told, code } = split(`${all.join('\n')}\n`, sizes)
        if (parsed.includes(null)) {
          refused++
          // Two broken lines may make a whole value: then it is another sequence, and no line is lost.
          if (code === 'ok') expect(told.length).toBeLessThan(all.length)
        } else {
          expect(code).toBe('ok')
          expect(told.map(([, value]) => value)).toEqual(parsed.map((one) => one?.value))
        }
      }),
      { seed: 4, numRuns: 5000 },
    )
    expect(refused).toBeGreaterThan(500)
  })
})
