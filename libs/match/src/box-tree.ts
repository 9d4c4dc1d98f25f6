// An rbush over bounding boxes, flattened into typed arrays: looking a point up touches no object and allocates nothing.
import RBush from 'rbush'

/** A box in degrees and what it stands for. */
export interface BoxItem {
  readonly minX: number
  readonly minY: number
  readonly maxX: number
  readonly maxY: number
  readonly item: number
}

/** Entries a node; 16 packs tightly because nothing is inserted later. */
export const NODE_ENTRIES = 16

/** What rbush documents its `toJSON` to return. */
interface RBushNode {
  readonly height: number
  readonly leaf: boolean
  readonly minX: number
  readonly minY: number
  readonly maxX: number
  readonly maxY: number
  readonly children: readonly (RBushNode | BoxItem)[]
}

/** Several trees in one set of arrays. The entries of node n are `first[n] … first[n + 1] - 1`. */
export interface PackedTrees {
  readonly first: Uint32Array
  /** minX, minY, maxX, maxY of each entry. */
  readonly boxes: Float64Array
  /** A node, or `~item` where the entry is a leaf's. */
  readonly child: Int32Array
  /** Levels of the highest tree. */
  readonly height: number
}

/** Packs one tree per list of items; the root of list i is node i. */
export function packTrees(lists: readonly (readonly BoxItem[])[]): PackedTrees {
  const nodes: RBushNode[] = lists.map((items) => new RBush<BoxItem>(NODE_ENTRIES).load(items).toJSON() as RBushNode)
  const first = [0]
  const child: number[] = []
  let height = 1
  // Breadth first: a node's entries lie together, and upper levels stay in cache.
  for (let n = 0; n < nodes.length; n++) {
    const node = nodes[n] as RBushNode
    if (node.height > height) height = node.height
    for (const entry of node.children) {
      if ('item' in entry) {
        child.push(~entry.item)
      } else {
        child.push(nodes.length)
        nodes.push(entry)
      }
    }
    first.push(child.length)
  }
  const boxes = new Float64Array(child.length * 4)
  let at = 0
  for (const node of nodes) {
    for (const { minX, minY, maxX, maxY } of node.children) {
      boxes[at++] = minX
      boxes[at++] = minY
      boxes[at++] = maxX
      boxes[at++] = maxY
    }
  }
  return { first: Uint32Array.from(first), boxes, child: Int32Array.from(child), height }
}
