// A column of texts in two sections: where each ends, and their code units, one byte each where that is enough.
import { arraySource, bytesOf, type Section, type SectionSource, wordsOf } from './image.ts'

/** Sections of a column. */
export const TEXT_SECTIONS = 2
/** Pieces that are put together at once: a million small buffers cost more than what is in them. */
const PIECES = 4096
const MAX_BYTES = 2 ** 31 - 1

/**
 * The sections of the texts `textOf(0)` to `textOf(count - 1)`. Any string comes back as it was, also one that UTF-8 cannot say.
 *
 * @throws RangeError for texts of more than 2 GiB in all
 */
export function packTexts(count: number, textOf: (i: number) => string): SectionSource[] {
  const ends = new Uint32Array(count)
  const chunks: Buffer[] = []
  let pieces: Buffer[] = []
  let end = 0
  for (let i = 0; i < count; i++) {
    const text = textOf(i)
    const wide = isWide(text)
    const piece = Buffer.from(text, wide ? 'utf16le' : 'latin1')
    pieces.push(piece)
    end += piece.length
    if (end > MAX_BYTES) throw new RangeError(`the texts of an index take at most ${MAX_BYTES} bytes`)
    ends[i] = 2 * end + (wide ? 1 : 0)
    if (pieces.length === PIECES) {
      chunks.push(Buffer.concat(pieces))
      pieces = []
    }
  }
  chunks.push(Buffer.concat(pieces))
  return [
    arraySource(ends),
    {
      bytes: end,
      write(target) {
        let at = 0
        for (const chunk of chunks) {
          target.set(chunk, at)
          at += chunk.length
        }
      },
    },
  ]
}

export class TextColumn {
  readonly size: number
  /** End of each text << 1 | is it two bytes a code unit. */
  readonly #ends: Uint32Array
  readonly #bytes: Buffer

  constructor([ends, bytes]: readonly Section[]) {
    this.#ends = wordsOf(ends)
    const { buffer, byteOffset, byteLength } = bytesOf(bytes)
    this.#bytes = Buffer.from(buffer, byteOffset, byteLength)
    this.size = this.#ends.length
  }

  at(i: number): string {
    const end = this.#ends[i]
    const start = i === 0 ? 0 : this.#ends[i - 1] >>> 1
    return this.#bytes.toString((end & 1) === 1 ? 'utf16le' : 'latin1', start, end >>> 1)
  }
}

function isWide(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0xff) return true
  return false
}
