// A fence's version, from its content: every node that loads the same fence gives it the same number, without asking anybody.
import { createHash } from 'node:crypto'
import type { Fence, Shape } from '@fencepost/model'

/**
 * The first 32 bits of SHA-256 over id, tenant, tags, campaigns, dwell and shape, in that order and written one way only:
 * a JSON header with the lengths of all rings, then the coordinates as little-endian doubles.
 */
export function fenceVersion(fence: Omit<Fence, 'version' | 'name'>): number {
  const { shape } = fence
  const header: unknown[] = [1, fence.id, fence.tenant, fence.tags, fence.campaigns, fence.dwellS, outline(shape)]
  // Only where there is something: a fence without them has the version that it had before there were any.
  const { border, expiresAt } = fence
  if (border !== undefined || expiresAt !== undefined)
    header.push([border?.exitMarginM, border?.minAccuracyM, border?.exitAfterS, expiresAt])
  const hash = createHash('sha256').update(JSON.stringify(header))
  if (shape.kind === 'polygon') {
    for (const polygon of shape.polygons) {
      for (const ring of polygon.rings) hash.update(new Uint8Array(ring.buffer, ring.byteOffset, ring.byteLength))
    }
  }
  return hash.digest().readUInt32BE(0)
}

function outline(shape: Shape): unknown {
  if (shape.kind === 'circle') return ['circle', shape.lon, shape.lat, shape.radiusM]
  if (shape.kind === 'beacon') return ['beacon', shape.beacon, Buffer.from(shape.prefix).toString('hex')]
  return ['polygon', shape.polygons.map(({ rings, polar }) => [polar === true, ...rings.map((ring) => ring.length)])]
}
