// Builds the cells of an index: for each tenant a grid of root cells, and below them nodes of 4 by 4 wherever several shapes would
// have to be tested. Cells that lie wholly inside a fence need no test, and cells at an edge know the edges that come near them.
import { appendEntry, ENTRY_WORDS, Frame, PARTS, SIDE } from './cell-frame.ts'
import { CellSorter } from './cell-sorter.ts'
import {
  HEAD_HEIGHT,
  HEAD_LEVEL,
  HEAD_NORTH,
  HEAD_ROOTS,
  HEAD_SOUTH,
  HEAD_WIDTH,
  HEAD_WORDS,
  HEAD_X,
  HEAD_Y,
  INSIDE,
  NEAR,
  NODE,
  NODE_MASK,
  NODE_SHIFT,
  PAGE,
  TAG_SHIFT,
  VALUE_MASK,
  WHOLE,
} from './cells.ts'
import { GRID_LEVELS, gridX, gridY } from './grid.ts'
import { type DoubleList, IntList, WordChunks } from './growing.ts'
import { ListStore } from './list-store.ts'
import {
  CIRCLE,
  FINEST_MASK,
  FINEST_SHIFT,
  isWholeRing,
  KIND_MASK,
  type RecordViews,
  RINGS_E7,
  VERTICES_SHIFT,
} from './records.ts'
import { ShapeTests } from './shape-tests.ts'

/** What one tenant's shapes are built into: each with its box in degrees, as the grid sees it (within ±180). */
export interface Placed {
  /** A record stands in it twice where it is a circle that reaches over the antimeridian. */
  readonly records: IntList
  /** minLon, minLat, maxLon, maxLat of each. */
  readonly boxes: DoubleList
  readonly north: readonly number[]
  readonly south: readonly number[]
}

/** Root cells a shape, and at most. More roots are fewer nodes to go through, and memory. */
const ROOTS_PER_SHAPE = 4
const MIN_ROOTS = 16
const MAX_ROOTS = 2 ** 20
/** Of the number of a root cell: progress is told where they are 0. */
const PROGRESS_MASK = 15
/** A shape whose box covers more root cells than this goes down to them level by level. */
const DIRECT_ROOTS = 16
/** A cell is divided while the tests of shapes that want it finer cost this much: below, another level costs as much as it saves. */
const WORTH_A_NODE = 2
/** From this cost on a cell is divided some levels beyond what its shapes want. Not further: where edges coincide it would never end. */
const CROWDED = 16
const CROWDED_LEVELS = 2
/** From so many divided parts on a cell gets a page instead of a node. */
const PAGE_FROM = 5

export class CellBuilder {
  readonly roots = new WordChunks()
  readonly nodes = new WordChunks()
  readonly lists: ListStore
  readonly heads: number[] = []
  readonly #views: RecordViews
  readonly #sorter: CellSorter
  readonly #tests: ShapeTests
  readonly #frames: Frame[] = []

  constructor(views: RecordViews) {
    this.#views = views
    this.#tests = new ShapeTests(views)
    this.#sorter = new CellSorter(views, this.#tests)
    this.lists = new ListStore(views)
    for (let i = 0; i < PARTS; i++) this.nodes.push(0) // number 0 is “nothing here”
  }

  /** Adds the cells of one tenant; `onProgress` is told now and then how far that is, from 0 to 1. */
  add(placed: Placed, onProgress: (share: number) => void = () => {}): void {
    const grid = gridFor(placed)
    const staged = this.#stage(placed, grid)
    const head = new Array<number>(HEAD_WORDS).fill(0)
    head[HEAD_LEVEL] = grid.level
    head[HEAD_X] = grid.x
    head[HEAD_Y] = grid.y
    head[HEAD_WIDTH] = grid.width
    head[HEAD_HEIGHT] = grid.height
    head[HEAD_ROOTS] = this.roots.length
    head[HEAD_NORTH] = this.lists.addRecords(placed.north)
    head[HEAD_SOUTH] = this.lists.addRecords(placed.south)
    this.heads.push(...head)

    for (let i = 0; i < grid.width * grid.height; i++) this.roots.push(0)
    const entries = new IntList()
    const edges = new IntList()
    const cells = grid.width * grid.height
    let seen = 0
    forEachCell(grid, (cell, x, y) => {
      if ((seen++ & PROGRESS_MASK) === 0) onProgress(seen / cells)
      entries.length = 0
      edges.length = 0
      for (let i = staged.first[cell]; i < staged.first[cell + 1]; i++)
        this.#enter(staged, i, x, y, grid, entries, edges)
      if (entries.length > 0) this.roots.set(head[HEAD_ROOTS] + cell, this.#cell(entries, edges, x, y, grid.level, 0))
    })
  }

  /** Which shapes concern which root cell. */
  #stage({ records, boxes }: Placed, grid: Grid): Staged {
    const cells = new IntList(1024)
    const entries = new IntList(1024)
    const edges = new IntList(1024)
    for (let i = 0; i < records.length; i++) {
      const record = records.data[i]
      const x0 = gridX(boxes.data[4 * i]) >>> grid.down
      const y0 = gridY(boxes.data[4 * i + 1]) >>> grid.down
      const x1 = gridX(boxes.data[4 * i + 2]) >>> grid.down
      const y1 = gridY(boxes.data[4 * i + 3]) >>> grid.down
      if ((x1 - x0 + 1) * (y1 - y0 + 1) > DIRECT_ROOTS) {
        this.#descend(record, { x0, y0, x1, y1 }, grid, (x, y, ref, from, at, countAndOdd) => {
          cells.push((y - grid.y) * grid.width + (x - grid.x))
          const start = edges.length
          for (let e = 0; e < countAndOdd >>> 1; e++) edges.push(from.data[at + e])
          appendEntry(entries, ref, start, countAndOdd)
        })
        continue
      }
      for (let y = y0; y <= y1; y++) {
        for (let x = x0; x <= x1; x++) {
          cells.push((y - grid.y) * grid.width + (x - grid.x))
          appendEntry(entries, record, NOT_YET, 0)
        }
      }
    }
    // By cell, in the order of the records.
    const first = new Uint32Array(grid.width * grid.height + 1)
    for (let i = 0; i < cells.length; i++) first[cells.data[i] + 1]++
    for (let i = 1; i < first.length; i++) first[i] += first[i - 1]
    const next = first.slice()
    const order = new Uint32Array(cells.length)
    for (let i = 0; i < cells.length; i++) order[next[cells.data[i]]++] = i
    return { first, order, entries, edges }
  }

  /** Takes one staged shape as an entry of a root cell. */
  #enter(staged: Staged, i: number, x: number, y: number, grid: Grid, entries: IntList, edges: IntList): void {
    const at = ENTRY_WORDS * staged.order[i]
    const ref = staged.entries.data[at]
    const start = staged.entries.data[at + 1]
    const countAndOdd = staged.entries.data[at + 2]
    if (start !== NOT_YET) {
      const copied = edges.length
      for (let e = 0; e < countAndOdd >>> 1; e++) edges.push(staged.edges.data[start + e])
      appendEntry(entries, ref, copied, countAndOdd)
    } else this.#enterAll(ref, x, y, grid.level, entries, edges)
  }

  /** A shape with all its edges, as an entry of a cell that it may come near. */
  #enterAll(record: number, x: number, y: number, level: number, entries: IntList, edges: IntList): void {
    if ((this.#views.u32[2 * record] & KIND_MASK) === CIRCLE) {
      appendEntry(entries, record | (WHOLE << TAG_SHIFT), 0, 0)
      return
    }
    const start = edges.length
    const count = this.#sorter.allEdges(record, edges)
    if (isWholeRing(this.#views.u32, record)) {
      appendEntry(entries, record | (NEAR << TAG_SHIFT), start, count << 1)
      return
    }
    const truth = (lon: number, lat: number): boolean => this.#tests.holds(record, lon, lat)
    const odd = this.#sorter.constantOf(record, edges, start, count, x, y, level, truth)
    if (odd < 0) appendEntry(entries, record | (WHOLE << TAG_SHIFT), 0, 0)
    else appendEntry(entries, record | (NEAR << TAG_SHIFT), start, (count << 1) | odd)
  }

  /** Divides the world down to root cells for one shape that covers many of them. */
  #descend(
    record: number,
    box: { readonly x0: number; readonly y0: number; readonly x1: number; readonly y1: number },
    grid: Grid,
    found: (x: number, y: number, ref: number, edges: IntList, at: number, countAndOdd: number) => void,
  ): void {
    const down = (entries: IntList, edges: IntList, x: number, y: number, level: number, depth: number): void => {
      if (level === grid.level) {
        for (let e = 0; e < entries.length; e += ENTRY_WORDS) {
          found(x, y, entries.data[e], edges, entries.data[e + 1], entries.data[e + 2])
        }
        return
      }
      const frame = this.#frame(depth)
      this.#sorter.split(entries, edges, x, y, level, frame)
      const up = grid.level - level - 2
      frame.parts.forEach((part, i) => {
        const [px, py] = [SIDE * x + (i & 3), SIDE * y + (i >>> 2)]
        if (part.length === 0) return
        if (px < box.x0 >>> up || px > box.x1 >>> up || py < box.y0 >>> up || py > box.y1 >>> up) return
        down(part, frame.edges, px, py, level + 2, depth + 1)
      })
    }
    const top = grid.level & 1
    const entries = new IntList()
    const edges = new IntList()
    for (let y = 0; y < 1 << top; y++) {
      for (let x = 0; x < 1 << top; x++) {
        entries.length = 0
        edges.length = 0
        this.#enterAll(record, x, y, top, entries, edges)
        down(entries, edges, x, y, top, 0)
      }
    }
  }

  /** The entry of a cell: divided while that pays, else a list or what stands for one. */
  #cell(entries: IntList, edges: IntList, x: number, y: number, level: number, depth: number): number {
    if (entries.length === 0) return 0
    if (level + 2 > GRID_LEVELS || !this.#isWorthDividing(entries, level)) return this.lists.entryOf(entries, edges)
    const frame = this.#frame(depth)
    this.#sorter.split(entries, edges, x, y, level, frame)
    const divided = frame.parts.reduce((sum, part) => sum + (this.#isWorthDividing(part, level + 2) ? 1 : 0), 0)
    return divided >= PAGE_FROM && level + 4 <= GRID_LEVELS
      ? this.#page(frame, x, y, level, depth)
      : this.#node(frame, x, y, level, depth)
  }

  #node(frame: Frame, x: number, y: number, level: number, depth: number): number {
    const node = this.#allocate(PARTS)
    for (let i = 0; i < PARTS; i++) {
      const [px, py] = [SIDE * x + (i & 3), SIDE * y + (i >>> 2)]
      this.nodes.set((node << NODE_SHIFT) + i, this.#cell(frame.parts[i], frame.edges, px, py, level + 2, depth + 1))
    }
    return this.#settled(node, PARTS, 0)
  }

  /** The parts of the parts, without a node between: one load fewer where nearly all parts are divided anyway. */
  #page(frame: Frame, x: number, y: number, level: number, depth: number): number {
    const page = this.#allocate(PARTS * PARTS)
    const below = this.#frame(depth + 1)
    for (let i = 0; i < PARTS; i++) {
      const [px, py] = [SIDE * x + (i & 3), SIDE * y + (i >>> 2)]
      this.#sorter.split(frame.parts[i], frame.edges, px, py, level + 2, below)
      for (let j = 0; j < PARTS; j++) {
        const [cx, cy] = [SIDE * (i & 3) + (j & 3), SIDE * (i >>> 2) + (j >>> 2)]
        const entry = this.#cell(
          below.parts[j],
          below.edges,
          SIDE * px + (j & 3),
          SIDE * py + (j >>> 2),
          level + 4,
          depth + 2,
        )
        this.nodes.set((page << NODE_SHIFT) + PARTS * cy + cx, entry)
      }
    }
    return this.#settled(page, PARTS * PARTS, PAGE)
  }

  /** Words for a node or page, all 0; returns its number. */
  #allocate(words: number): number {
    const node = this.nodes.length >>> NODE_SHIFT
    if (node >= NODE_MASK) throw new RangeError(`the cells of an index take at most ${NODE_MASK} nodes`)
    for (let i = 0; i < words; i++) this.nodes.push(0)
    return node
  }

  /** The entry for a node or page, or for one of its entries where it says the same so many times. */
  #settled(node: number, words: number, kind: number): number {
    const start = node << NODE_SHIFT
    const first = this.nodes.get(start)
    let same = first === 0 || first >>> TAG_SHIFT !== NODE
    for (let i = 1; same && i < words; i++) same = this.nodes.get(start + i) === first
    if (!same) return node | kind
    this.nodes.length = start
    return first
  }

  /** By what a point pays for tests, in units of one circle. */
  #isWorthDividing({ data, length }: IntList, level: number): boolean {
    const { u32 } = this.#views
    let cost = 0
    let crowd = 0
    for (let e = 0; e < length; e += ENTRY_WORDS) {
      const ref = data[e]
      const tag = ref >>> TAG_SHIFT
      if (tag === INSIDE) continue
      const header = u32[2 * (ref & VALUE_MASK)]
      const finest = (header >>> FINEST_SHIFT) & FINEST_MASK
      if (finest + CROWDED_LEVELS <= level) continue
      const kind = header & KIND_MASK
      let test = 1.3
      if (kind === CIRCLE) test = 1
      else if (kind >= RINGS_E7) test = tag === WHOLE ? (header >>> VERTICES_SHIFT) / 8 : 0.7 + (data[e + 2] >>> 1) / 8
      crowd += test
      if (finest > level) cost += test
    }
    return cost >= WORTH_A_NODE || crowd >= CROWDED
  }

  #frame(depth: number): Frame {
    this.#frames[depth] ??= new Frame()
    return this.#frames[depth]
  }
}

/** Edges of a staged entry that are to be taken from its record. */
const NOT_YET = -1

interface Staged {
  /** Shapes of cell c: `order[first[c]] … order[first[c + 1] - 1]`. */
  readonly first: Uint32Array
  readonly order: Uint32Array
  readonly entries: IntList
  readonly edges: IntList
}

interface Grid {
  readonly level: number
  /** Bits to shift `gridX` and `gridY` by. */
  readonly down: number
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

/** The finest grid over all boxes with no more cells than the shapes can pay for. */
function gridFor({ records, boxes }: Placed): Grid {
  if (records.length === 0) return { level: 0, down: GRID_LEVELS, x: 0, y: 0, width: 0, height: 0 }
  let [minLon, minLat, maxLon, maxLat] = [180, 90, -180, -90]
  for (let i = 0; i < 4 * records.length; i += 4) {
    minLon = Math.min(minLon, boxes.data[i])
    minLat = Math.min(minLat, boxes.data[i + 1])
    maxLon = Math.max(maxLon, boxes.data[i + 2])
    maxLat = Math.max(maxLat, boxes.data[i + 3])
  }
  const limit = Math.min(MAX_ROOTS, Math.max(MIN_ROOTS, ROOTS_PER_SHAPE * records.length))
  for (let level = GRID_LEVELS - 2; ; level--) {
    const down = GRID_LEVELS - level
    const x = gridX(minLon) >>> down
    const y = gridY(minLat) >>> down
    const width = (gridX(maxLon) >>> down) - x + 1
    const height = (gridY(maxLat) >>> down) - y + 1
    if (width * height <= limit) return { level, down, x, y, width, height }
  }
}

/** Cells in tiles of 16 by 16, so that what lies near in the world lies near in memory. */
function forEachCell(grid: Grid, visit: (cell: number, x: number, y: number) => void): void {
  const TILE = 16
  for (let ty = 0; ty < grid.height; ty += TILE) {
    for (let tx = 0; tx < grid.width; tx += TILE) {
      for (let y = ty; y < Math.min(ty + TILE, grid.height); y++) {
        for (let x = tx; x < Math.min(tx + TILE, grid.width); x++) visit(y * grid.width + x, grid.x + x, grid.y + y)
      }
    }
  }
}
