// Which partition a key belongs to: the same as Kafka's own producers choose, so that all writers and joins agree.

const SEED = 0x9747b28c
const M = 0x5bd1e995

/** 32-bit MurmurHash2 (Austin Appleby) with the seed of Kafka's Java client, as a signed integer. */
export function murmur2(bytes: Uint8Array): number {
  const { length } = bytes
  let h = SEED ^ length
  const tail = length & ~3
  for (let i = 0; i < tail; i += 4) {
    let k =
      (bytes[i] as number) |
      ((bytes[i + 1] as number) << 8) |
      ((bytes[i + 2] as number) << 16) |
      ((bytes[i + 3] as number) << 24)
    k = Math.imul(k, M)
    k ^= k >>> 24
    h = Math.imul(h, M) ^ Math.imul(k, M)
  }
  const rest = length & 3
  if (rest === 3) h ^= (bytes[tail + 2] as number) << 16
  if (rest >= 2) h ^= (bytes[tail + 1] as number) << 8
  if (rest >= 1) h = Math.imul(h ^ (bytes[tail] as number), M)
  h ^= h >>> 13
  h = Math.imul(h, M)
  return h ^ (h >>> 15)
}

/** The partition of a key among `partitions`: murmur2 without its sign bit, modulo. */
export function partitionOf(key: Uint8Array, partitions: number): number {
  return (murmur2(key) & 0x7fffffff) % partitions
}
