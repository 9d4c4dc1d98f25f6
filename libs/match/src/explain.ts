// Why is a ping in a fence, or not? The same look-ups and tests as a match, told step by step. For people and tests; nothing waits for it.
import { geodesicDistanceM } from '@fencepost/geo'
import type { CircleShape, FenceFacts, MatchStep } from '@fencepost/model'
import type { BaseIndex, CellItem } from './base-index.ts'
import { INSIDE, NEAR } from './cells.ts'
import type { DeltaIndex } from './delta-index.ts'
import { distanceToEdgeM, type Edges } from './edge-distance.ts'
import { EVERY_TENANT } from './facts-table.ts'
import { CIRCLE, KIND_MASK } from './records.ts'
import { Vertices } from './vertices.ts'

/** Every fence that a match of the point looks at, in the order of ids, with the rule that let it in or kept it out. */
export function explainMatch(
  base: BaseIndex,
  delta: DeltaIndex | null,
  tenant: string,
  lon: number,
  lat: number,
): MatchStep[] {
  const steps: MatchStep[] = []
  const own = base.facts.tenant(tenant)
  for (const number of own > 0 ? [EVERY_TENANT, own] : [EVERY_TENANT]) {
    base.forEachItem(number, lon, lat, (item) => {
      steps.push(baseStep(base, delta, item, lon, lat))
    })
  }
  delta?.forEachPart(tenant, lon, lat, ({ slot, holds, circle, forEachEdge }) => {
    const fence = delta.fact(slot)
    steps.push(
      circle === null
        ? polygonStep(fence, holds, forEachEdge, lon, lat, 'changed')
        : circleStep(fence, holds, circle, lon, lat, 'changed'),
    )
  })
  return steps.sort((a, b) => (a.fence.id < b.fence.id ? -1 : a.fence.id > b.fence.id ? 1 : 0))
}

function baseStep(base: BaseIndex, delta: DeltaIndex | null, item: CellItem, lon: number, lat: number): MatchStep {
  const { tag, value, level, holds } = item
  const { u32, f64 } = base.records
  const slot = tag === INSIDE ? value : u32[2 * value + 1]
  const fence = base.facts.of(slot)
  if (delta?.isGone(slot) === true) return { fence, inside: false, rule: 'changed_since', edgeM: null, seenBy: 'base' }
  if (tag === INSIDE) return { fence, inside: true, rule: 'cell_inside', edgeM: null, seenBy: `cell of level ${level}` }
  const seenBy = tag === NEAR ? `edges in a cell of level ${level}` : 'shape'
  if ((u32[2 * value] & KIND_MASK) === CIRCLE) {
    const circle: CircleShape = { kind: 'circle', lon: f64[value + 1], lat: f64[value + 2], radiusM: f64[value + 3] }
    return circleStep(fence, holds, circle, lon, lat, seenBy)
  }
  const vertices = new Vertices(base.records).load(value)
  return polygonStep(fence, holds, (visit) => vertices.forEachEdge(visit), lon, lat, seenBy)
}

function circleStep(
  fence: FenceFacts,
  inside: boolean,
  circle: CircleShape,
  lon: number,
  lat: number,
  seenBy: string,
): MatchStep {
  const distance = geodesicDistanceM(circle.lon, circle.lat, lon, lat)
  const edgeM = Math.abs(circle.radiusM - distance)
  return { fence, inside, rule: inside ? 'within_radius' : 'beyond_radius', edgeM, seenBy }
}

function polygonStep(
  fence: FenceFacts,
  inside: boolean,
  forEachEdge: Edges,
  lon: number,
  lat: number,
  seenBy: string,
): MatchStep {
  let edgeM = Number.POSITIVE_INFINITY
  forEachEdge((ax, ay, bx, by) => {
    edgeM = Math.min(edgeM, distanceToEdgeM(ax, ay, bx, by, lon, lat))
  })
  return { fence, inside, rule: inside ? 'in_polygon' : 'outside_polygon', edgeM, seenBy }
}
