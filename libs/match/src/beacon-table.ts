// Beacon regions of one tenant: prefixes in sorted byte tables, one table for each kind and length, found by binary search.
import { BEACON_KINDS, type BeaconShape, type SlotList } from '@fencepost/model'

export interface BeaconRegion {
  readonly shape: BeaconShape
  readonly slot: number
}

interface PrefixTable {
  readonly length: number
  /** `length` bytes a row, ascending; equal prefixes side by side. */
  readonly bytes: Uint8Array
  readonly slots: Uint32Array
}

export class BeaconTable {
  /** By number of the kind. */
  readonly #tables: readonly (readonly PrefixTable[])[]

  constructor(regions: readonly BeaconRegion[]) {
    this.#tables = BEACON_KINDS.map((kind) => tablesOf(regions.filter(({ shape }) => shape.beacon === kind)))
  }

  /** Appends the slots of all regions that the id at `offset` lies in. */
  collect(kind: number, id: Uint8Array, offset: number, out: SlotList): void {
    const tables = this.#tables[kind]
    if (tables === undefined) return
    for (let t = 0; t < tables.length; t++) {
      const table = tables[t] as PrefixTable
      const rows = table.slots.length
      for (let row = lowerBound(table, id, offset); row < rows && compare(table, row, id, offset) === 0; row++) {
        out.push(table.slots[row] as number)
      }
    }
  }
}

function tablesOf(regions: readonly BeaconRegion[]): PrefixTable[] {
  const lengths = [...new Set(regions.map(({ shape }) => shape.prefix.length))]
  return lengths.map((length) => {
    const rows = regions
      .filter(({ shape }) => shape.prefix.length === length)
      .sort((a, b) => Buffer.compare(a.shape.prefix, b.shape.prefix))
    const bytes = new Uint8Array(rows.length * length)
    rows.forEach(({ shape }, i) => {
      bytes.set(shape.prefix, i * length)
    })
    return { length, bytes, slots: Uint32Array.from(rows, ({ slot }) => slot) }
  })
}

/** The first row that is not below the id. */
function lowerBound(table: PrefixTable, id: Uint8Array, offset: number): number {
  let low = 0
  let high = table.slots.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (compare(table, middle, id, offset) < 0) low = middle + 1
    else high = middle
  }
  return low
}

function compare(table: PrefixTable, row: number, id: Uint8Array, offset: number): number {
  const { bytes, length } = table
  const at = row * length
  for (let i = 0; i < length; i++) {
    const difference = (bytes[at + i] as number) - (id[offset + i] as number)
    if (difference !== 0) return difference
  }
  return 0
}
