// The grid under the cells: longitude and latitude as whole numbers, and the borders of a cell in degrees.

/** Levels of the grid: at level n the world is 2^n cells wide and 2^n cells high. A cell of the last is 15 cm by 7 cm. */
export const GRID_LEVELS = 28
const CELLS = 2 ** GRID_LEVELS
const X_SCALE = CELLS / 360
const Y_SCALE = CELLS / 180

/**
 * Degrees by which a cell is made larger before a shape is compared with it. `gridX` and `gridY` round: a point within 1e-13
 * degrees of a border may be filed on its other side, and what is said of a cell must hold for it too.
 */
export const CELL_SLACK_DEG = 1e-9

/** Column of a longitude at the last level; shift right by `GRID_LEVELS - n` for level n. Never descends as longitude ascends. */
export function gridX(lon: number): number {
  const x = (lon + 180) * X_SCALE
  return x < CELLS ? x | 0 : CELLS - 1
}

/** Row of a latitude at the last level. */
export function gridY(lat: number): number {
  const y = (lat + 90) * Y_SCALE
  return y < CELLS ? y | 0 : CELLS - 1
}

/** Width of a cell in degrees by level; exact, as 360 is 45 times a power of two. It is twice as wide as it is high. */
export const CELL_WIDTHS: Float64Array = Float64Array.from({ length: GRID_LEVELS + 1 }, (_, level) => 360 / 2 ** level)

/** Western border of column x at a level, exactly. */
export function cellWest(x: number, level: number): number {
  return x * CELL_WIDTHS[level] - 180
}

/** Southern border of row y at a level, exactly. */
export function cellSouth(y: number, level: number): number {
  return y * (CELL_WIDTHS[level] / 2) - 90
}

/** Where the path from a point in column x to the corner of its cell turns south: east of every point that is filed there. */
export function cellEast(x: number, level: number): number {
  return cellWest(x + 1, level) + CELL_SLACK_DEG
}
