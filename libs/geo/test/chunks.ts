// Texts as bytes, cut into pieces.
import fc from 'fast-check'

/** Pieces of at most `size` bytes, each with a buffer of its own that is scrubbed once the next is asked for. */
export function* piecesOf(bytes: Uint8Array, sizes: readonly number[]): Generator<Uint8Array> {
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const piece = bytes.slice(at, at + (sizes[i % sizes.length] as number))
    at += piece.length
    yield piece
    piece.fill(0x7b)
  }
}

/** Sizes of pieces, repeated to the end of the text: most small, some longer than most texts. */
export const anySizes: fc.Arbitrary<number[]> = fc.array(
  fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 300 })),
  { minLength: 1, maxLength: 8 },
)

/** Marks that JSON is made of, and some that it must not hold. */
const MARKS = [
  ...'{}[],:"\\ \n\r\t01289-+.eEutrfalsn/b',
  ...['true', 'false', 'null', '"a"', '\\u00', '\\ud8', 'é', '😀', '\u2028', '\ufeff', '\u0000', '\u001f', '\v', "'"],
]

/** Short texts of JSON's marks: hardly any is JSON, all are near it. */
export const anyMarks: fc.Arbitrary<string> = fc
  .array(fc.constantFrom(...MARKS), { maxLength: 12 })
  .map((marks) => marks.join(''))

/** A JSON text of any value, plain or spaced out. */
export const anyJson: fc.Arbitrary<string> = fc
  .tuple(fc.jsonValue({ maxDepth: 4 }), fc.constantFrom('', ' ', '\t', '\n', '\r\n '))
  .map(([value, space]) => JSON.stringify(value, null, space))

/** What one slip makes of a text: cut short, a mark put in, taken out or in another's place, a stretch twice. */
export function withSlip(text: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc
    .tuple(
      text,
      fc.nat(),
      fc.nat({ max: 6 }),
      fc.constantFrom(...MARKS),
      fc.constantFrom('cut', 'put', 'take', 'swap', 'twice'),
    )
    .map(([whole, where, length, mark, slip]) => {
      const at = where % (whole.length + 1)
      const [before, after] = [whole.slice(0, at), whole.slice(at)]
      if (slip === 'cut') return before
      if (slip === 'put') return before + mark + after
      if (slip === 'take') return before + after.slice(length)
      if (slip === 'swap') return before + mark + after.slice(1)
      return before + after.slice(0, length) + after
    })
}
