// Beacon regions: prefixes in sorted byte tables, one for each tenant, kind and length, found by binary search.
import { BEACON_KINDS, type BeaconShape, type SlotList } from '@fencepost/model'
import { arraySource, bytesOf, type Section, type SectionSource, wordsOf } from './image.ts'

export interface BeaconRegion {
  readonly shape: BeaconShape
  readonly slot: number
}

/** All tables of all tenants, one behind the other. */
export interface PackedBeacons {
  /** Tables of tenant t and kind k: `firstTable[i] … firstTable[i + 1] - 1` with i = t · kinds + k. */
  readonly firstTable: Uint32Array
  /** Bytes a row. */
  readonly length: Uint8Array
  /** Rows of table n: `firstRow[n] … firstRow[n + 1] - 1`, ascending; equal prefixes side by side. */
  readonly firstRow: Uint32Array
  /** Where the rows of table n begin in `bytes`. */
  readonly firstByte: Uint32Array
  readonly bytes: Uint8Array
  /** By row. */
  readonly slots: Uint32Array
}

const KINDS = BEACON_KINDS.length

/** Packs the tables of one list of regions a tenant. */
export function packBeacons(tenants: readonly (readonly BeaconRegion[])[]): PackedBeacons {
  const firstTable = [0]
  const tables: BeaconRegion[][] = []
  for (const regions of tenants) {
    for (const kind of BEACON_KINDS) {
      tables.push(...tablesOf(regions.filter(({ shape }) => shape.beacon === kind)))
      firstTable.push(tables.length)
    }
  }
  const rows = tables.flat()
  const bytes = new Uint8Array(rows.reduce((sum, { shape }) => sum + shape.prefix.length, 0))
  const firstRow = [0]
  const firstByte: number[] = []
  let row = 0
  let at = 0
  for (const table of tables) {
    firstByte.push(at)
    for (const { shape } of table) {
      bytes.set(shape.prefix, at)
      at += shape.prefix.length
    }
    row += table.length
    firstRow.push(row)
  }
  return {
    firstTable: Uint32Array.from(firstTable),
    length: Uint8Array.from(tables, (table) => table[0]?.shape.prefix.length ?? 0),
    firstRow: Uint32Array.from(firstRow),
    firstByte: Uint32Array.from(firstByte),
    bytes,
    slots: Uint32Array.from(rows, ({ slot }) => slot),
  }
}

/** Sections of a PackedBeacons. */
export const BEACON_SECTIONS = 6

export function beaconSources(packed: PackedBeacons): SectionSource[] {
  const { firstTable, length, firstRow, firstByte, bytes, slots } = packed
  return [firstTable, length, firstRow, firstByte, bytes, slots].map(arraySource)
}

export function beaconsFrom(sections: readonly Section[]): PackedBeacons {
  return {
    firstTable: wordsOf(sections[0]),
    length: bytesOf(sections[1]),
    firstRow: wordsOf(sections[2]),
    firstByte: wordsOf(sections[3]),
    bytes: bytesOf(sections[4]),
    slots: wordsOf(sections[5]),
  }
}

/** One table a length. */
function tablesOf(regions: readonly BeaconRegion[]): BeaconRegion[][] {
  const lengths = [...new Set(regions.map(({ shape }) => shape.prefix.length))]
  return lengths.map((length) =>
    regions
      .filter(({ shape }) => shape.prefix.length === length)
      .sort((a, b) => Buffer.compare(a.shape.prefix, b.shape.prefix)),
  )
}

export class BeaconTable {
  readonly #packed: PackedBeacons

  constructor(packed: PackedBeacons) {
    this.#packed = packed
  }

  /** Appends the slots of all regions of the tenant that the id at `offset` lies in. */
  collect(tenant: number, kind: number, id: Uint8Array, offset: number, out: SlotList): void {
    if (kind >= KINDS) return
    const { firstTable, firstRow, slots } = this.#packed
    const i = tenant * KINDS + kind
    const end = firstTable[i + 1] as number
    for (let table = firstTable[i] as number; table < end; table++) {
      const rows = firstRow[table + 1] as number
      let row = this.#lowerBound(table, id, offset)
      for (; row < rows && this.#compare(table, row, id, offset) === 0; row++) out.push(slots[row] as number)
    }
  }

  /** Every region with its slot, in no order that means anything. */
  forEachRegion(visit: (shape: BeaconShape, slot: number) => void): void {
    const { firstTable, length, firstRow, firstByte, bytes, slots } = this.#packed
    for (let i = 0; i + 1 < firstTable.length; i++) {
      for (let table = firstTable[i]; table < firstTable[i + 1]; table++) {
        for (let row = firstRow[table]; row < firstRow[table + 1]; row++) {
          const at = firstByte[table] + (row - firstRow[table]) * length[table]
          const prefix = bytes.slice(at, at + length[table])
          visit({ kind: 'beacon', beacon: BEACON_KINDS[i % KINDS], prefix }, slots[row])
        }
      }
    }
  }

  /** The first row of the table that is not below the id. */
  #lowerBound(table: number, id: Uint8Array, offset: number): number {
    const { firstRow } = this.#packed
    let low = firstRow[table] as number
    let high = firstRow[table + 1] as number
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#compare(table, middle, id, offset) < 0) low = middle + 1
      else high = middle
    }
    return low
  }

  #compare(table: number, row: number, id: Uint8Array, offset: number): number {
    const { bytes, firstRow, firstByte } = this.#packed
    const length = this.#packed.length[table] as number
    const at = (firstByte[table] as number) + (row - (firstRow[table] as number)) * length
    for (let i = 0; i < length; i++) {
      const difference = (bytes[at + i] as number) - (id[offset + i] as number)
      if (difference !== 0) return difference
    }
    return 0
  }
}
