// What the cells of an index look like in memory: words of 32 bits, the upper two a tag.
//
//   entry of a root or node   0 = nothing here; else NODE: number of a node of 16 entries, row by row from the south-west, or (with
//                             PAGE) of a page of 256, which stands for a node and the nodes below it;
//                             INSIDE: slot of the one fence that holds the whole cell; WHOLE: record to test; LIST: where a list lies
//   list                      number of its items, then by slot: INSIDE slot · WHOLE record · NEAR record, followed by
//                             runs << 1 | odd and as many runs of edges (shape-tests.ts, `holdsNear`)
//   head of a tenant          HEAD_WORDS words, below

export const NODE = 0
export const INSIDE = 1
export const NEAR = 2
/** In an entry, where an item that is NEAR cannot be. */
export const LIST = 2
export const WHOLE = 3

export const TAG_SHIFT = 30
export const VALUE_MASK = 0x3fffffff
/** Words of a node, as a power of two: number n begins at word n << NODE_SHIFT. */
export const NODE_SHIFT = 4
/** Levels that a node goes down; a page goes down twice as many. */
export const NODE_BITS = 2
export const PAGE_BITS = 4
export const PAGE_SHIFT = 29
export const PAGE = 1 << PAGE_SHIFT
/** Of an entry with tag NODE. */
export const NODE_MASK = PAGE - 1

/** Level of the root cells; their first column and row, columns and rows; where they begin; lists of what reaches the poles. */
export const HEAD_WORDS = 8
export const HEAD_LEVEL = 0
export const HEAD_X = 1
export const HEAD_Y = 2
export const HEAD_WIDTH = 3
export const HEAD_HEIGHT = 4
export const HEAD_ROOTS = 5
/** 0 = none; else one more than where the list begins. */
export const HEAD_NORTH = 6
export const HEAD_SOUTH = 7
