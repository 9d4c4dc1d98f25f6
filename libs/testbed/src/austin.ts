// The Austin days: real bus pings with the neighbourhoods that GEOS says hold them, and the transitions that follow from that.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { type GeoFeature, layerFences, oracleRows, readCsv, sharedData } from './shared-data.ts'

export interface AustinPing {
  readonly observed: number
  readonly lat: number
  readonly lon: number
  /** Ids of the fences that hold it. */
  readonly fences: readonly string[]
}

/** One day: the pings of each vehicle in the order of the file. */
export interface AustinDay {
  readonly name: string
  readonly vehicles: ReadonlyMap<string, readonly AustinPing[]>
}

/** Names of all days. Needs the shared data. */
export function austinDays(): string[] {
  return readdirSync(join(sharedData() as string, 'austin/points'))
    .map((file) => file.slice(0, 10))
    .sort()
}

/** The 70 neighbourhoods, as fences. */
export function austinFences(): GeoFeature[] {
  return layerFences('austin-hood')
}

export function austinDay(name: string): AustinDay {
  const points = readCsv(`austin/points/${name}.csv.gz`)
  const vehicles = new Map<string, AustinPing[]>()
  for (const { id, row, lon, lat, layers } of oracleRows(`austin/oracle/${name}.membership.csv.gz`, ['hood'])) {
    const observed = Date.parse(points[row]?.['timestamp'] ?? '')
    const fences = (layers['hood']?.inside ?? []).map((zone) => `austin-hood/${zone}`)
    const pings = vehicles.get(id) ?? []
    pings.push({ observed, lat, lon, fences })
    vehicles.set(id, pings)
  }
  return { name, vehicles }
}

export interface ExpectedTransition {
  readonly kind: 'enter' | 'exit'
  readonly fence: string
  readonly observed: number
}

/**
 * What follows for one vehicle whose batches come one after the other: pings of a batch by time, of one instant the most southern and
 * then the most western, none at or before the last one taken; at each exits and then enters, by fence id.
 */
export function expectedTransitions(batches: readonly (readonly AustinPing[])[]): ExpectedTransition[] {
  const transitions: ExpectedTransition[] = []
  let last = Number.NEGATIVE_INFINITY
  let inside = new Set<string>()
  for (const batch of batches) {
    const inOrder = [...batch].sort((a, b) => a.observed - b.observed || a.lat - b.lat || a.lon - b.lon)
    for (const { observed, fences } of inOrder) {
      if (observed <= last) continue
      last = observed
      const now = new Set(fences)
      for (const fence of [...inside].sort()) if (!now.has(fence)) transitions.push({ kind: 'exit', fence, observed })
      for (const fence of [...now].sort()) if (!inside.has(fence)) transitions.push({ kind: 'enter', fence, observed })
      inside = now
    }
  }
  return transitions
}
