// The demo's fleet: a few seeded phones that walk through the demo fences, as batches that an SDK would send.

/** A place the fleet passes: lon, lat in degrees. */
type Waypoint = readonly [lon: number, lat: number]

const CITY: readonly Waypoint[] = [
  [9.969, 53.5451],
  [9.9815, 53.5427],
  [9.9881, 53.5395],
  [10.0021, 53.5432],
  [10.0133, 53.5468],
  [10.0065, 53.5527],
  [9.9935, 53.5511],
  [9.9967, 53.5498],
  [9.9984, 53.5575],
]
const ISLANDS: readonly Waypoint[] = [
  [178.4, -18.1],
  [179.9, -17.6],
  [-179.4, -17.2],
]
const FLAGSHIP = { kind: 'ibeacon', uuid: '7d8b1f3a-52c4-4e0d-9a61-0c3e5b2f9d10', major: 12 }
const MUSEUM = { kind: 'eddystone-uid', namespace: '5f1d0c9be27a4386d0b1', instance: '00000000a001' }

/** Pings a phone collects before it sends. */
const PINGS_PER_BATCH = 5
const PING_EVERY_MS = 20_000

/** One batch in the named shape of protocol v1. */
export interface DemoBatch {
  readonly v: 1
  readonly device: string
  readonly sent: number
  readonly consent: { readonly location: boolean }
  readonly pings: readonly Record<string, unknown>[]
}

/** The first `rounds` batches of every phone, in the order they are sent. The same seed gives the same walk. */
export function* fleetBatches(options: {
  phones: number
  rounds: number
  seed: number
  now: number
}): Generator<DemoBatch> {
  const random = mulberry32(options.seed)
  const phones = Array.from({ length: options.phones }, (_, i) => ({
    device: `demo-phone-${i + 1}`,
    track: i % 7 === 6 ? ISLANDS : CITY,
    leg: Math.floor(random() * CITY.length),
    speed: 0.1 + random() * 0.15,
    along: random(),
  }))
  for (let round = 0; round < options.rounds; round++) {
    for (const phone of phones) {
      const pings = Array.from({ length: PINGS_PER_BATCH }, (_, i) => {
        phone.along += phone.speed
        if (phone.along >= 1) {
          phone.along -= 1
          phone.leg++
        }
        const step = (options.rounds - 1 - round) * PINGS_PER_BATCH + (PINGS_PER_BATCH - 1 - i)
        const age = step * PING_EVERY_MS + Math.floor(random() * 1000)
        const pick = random()
        if (pick < 0.08)
          return {
            type: 'beacon',
            age,
            ...FLAGSHIP,
            minor: 1 + Math.floor(random() * 20),
            rssi: -60 - Math.floor(random() * 30),
          }
        if (pick < 0.12) return { type: 'beacon', age, ...MUSEUM, rssi: -55 - Math.floor(random() * 30) }
        const [lon, lat] = between(phone.track, phone.leg, phone.along)
        return { type: 'location', age, lat, lon, accuracy: 4 + Math.floor(random() * 30) }
      })
      yield { v: 1, device: phone.device, sent: options.now, consent: { location: true }, pings }
    }
  }
}

function between(track: readonly Waypoint[], leg: number, along: number): Waypoint {
  const [fromLon, fromLat] = track[leg % track.length] as Waypoint
  const [toLon, toLat] = track[(leg + 1) % track.length] as Waypoint
  // The shorter way round: the islands lie on both sides of the antimeridian.
  const step = ((((toLon - fromLon + 180) % 360) + 360) % 360) - 180
  const lon = fromLon + step * along
  return [round7(lon > 180 ? lon - 360 : lon < -180 ? lon + 360 : lon), round7(fromLat + (toLat - fromLat) * along)]
}

function round7(degrees: number): number {
  return Math.round(degrees * 1e7) / 1e7
}

/** mulberry32 (Tommy Ettinger, public domain): a small seeded generator, good enough to walk by. */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}
