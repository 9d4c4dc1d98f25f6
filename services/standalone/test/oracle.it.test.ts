import { NO_SHARED_DATA, type OracleGroup, oracleGroups, runOracle, sharedData } from '@fencepost/testbed'
import { describe, expect, it } from 'vitest'
import { ENTRY } from './support.ts'

const SAMPLE = 1500

/** What `make oracle` does in full: one Austin day of nineteen, without the readings that need another load of the world. */
const SETS = [
  'nyc/green',
  'nyc/collisions',
  'nyc/probes',
  'austin/2016-11-24',
  'austin/stops',
  'world/airports',
  'world/antimeridian',
  'world/circles',
]

const absent = sharedData() === null

describe.skipIf(absent)(`real pings through the public door${absent ? ` (${NO_SHARED_DATA})` : ''}`, () => {
  it('name the fences that GEOS says, on edges, over the antimeridian, in circles', async () => {
    const reports = await runOracle(only(oracleGroups(), SETS), { entry: ENTRY, sample: SAMPLE })
    expect(reports.map(({ set }) => set)).toEqual(SETS)
    expect(reports.flatMap(({ examples }) => examples)).toEqual([])
    for (const { compared, posted, events } of reports) {
      expect(compared).toBeGreaterThanOrEqual(posted)
      expect(events).toBeGreaterThan(posted / 3)
    }
  }, 120_000)

  it('and this test notices fences that are not where they should be', async () => {
    const [austin] = only(oracleGroups(), ['austin/2016-05-19']) as [OracleGroup]
    const moved: OracleGroup = {
      ...austin,
      fences() {
        const fences = austin.fences()
        const [first, ...others] = fences.map(({ geometry }) => geometry)
        return fences.map((fence, i) => ({ ...fence, geometry: [...others, first][i] ?? null }))
      },
    }
    const [report] = await runOracle([moved], { entry: ENTRY })
    expect(report?.mismatches).toBeGreaterThan(0)
  }, 60_000)
})

/** The groups with only these sets. */
function only(groups: readonly OracleGroup[], names: readonly string[]): OracleGroup[] {
  return groups
    .map((group) => ({ ...group, sets: group.sets.filter(({ name }) => names.includes(name)) }))
    .filter(({ sets }) => sets.length > 0)
}
