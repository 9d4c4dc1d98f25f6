// What is known of a cell while an index is built: entries of three words, one for each shape that fills or cuts it.
import { IntList } from './growing.ts'

/** Parts of a cell along one side, and in all. */
export const SIDE = 4
export const PARTS = SIDE * SIDE

/**
 * Words of an entry: tag and slot or record as in cells.ts, where its edges begin in `edges`, their number << 1 | the cell's constant. Circles
 * are WHOLE, polygons NEAR until they are written down.
 */
export const ENTRY_WORDS = 3

/** The sixteen parts of one cell, and the edges of what cuts them. */
export class Frame {
  readonly parts: readonly IntList[] = Array.from({ length: PARTS }, () => new IntList(ENTRY_WORDS * 16))
  readonly edges: IntList = new IntList(256)

  clear(): void {
    for (const part of this.parts) part.length = 0
    this.edges.length = 0
  }
}

export function appendEntry(list: IntList, ref: number, edgesAt: number, countAndOdd: number): void {
  list.reserve(ENTRY_WORDS)
  list.data[list.length] = ref
  list.data[list.length + 1] = edgesAt
  list.data[list.length + 2] = countAndOdd
  list.length += ENTRY_WORDS
}
