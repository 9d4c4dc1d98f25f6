// The order in which shapes lie in memory: along a Z curve, so that what is near in the world is near in the processor's cache.

/** Bits of each axis at most: with more, shapes a few hundred metres apart would still be told apart, which gains nothing. */
const MAX_AXIS_BITS = 16

/** Numbers of the points, given in degrees, in the order of the curve; ties by number. */
export function spatialOrder(lon: Float64Array, lat: Float64Array): Uint32Array {
  const count = lon.length
  const numberBits = Math.ceil(Math.log2(count + 1))
  const axisBits = Math.min(MAX_AXIS_BITS, (52 - numberBits) >>> 1)
  const cells = 2 ** axisBits
  const numbers = 2 ** numberBits
  const keys = new Float64Array(count)
  for (let i = 0; i < count; i++) {
    const x = Math.min(cells - 1, Math.max(0, Math.floor(((lon[i] + 180) / 360) * cells)))
    const y = Math.min(cells - 1, Math.max(0, Math.floor(((lat[i] + 90) / 180) * cells)))
    keys[i] = ((spread(x) | (spread(y) << 1)) >>> 0) * numbers + i
  }
  keys.sort()
  return Uint32Array.from(keys, (key) => key % numbers)
}

/** Puts a zero before each of sixteen bits. */
function spread(value: number): number {
  let v = value
  v = (v | (v << 8)) & 0x00ff00ff
  v = (v | (v << 4)) & 0x0f0f0f0f
  v = (v | (v << 2)) & 0x33333333
  return (v | (v << 1)) & 0x55555555
}
