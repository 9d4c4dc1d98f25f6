// Everything that one serving half counts, as one object: /metrics reads the only one there is, or the sum over all threads.
import { createKafkaCounters, type KafkaCounters } from '@fencepost/kafka'
import { createHttpCounters, type HttpCounters } from '@fencepost/server'
import { Counters } from './counters.ts'

export interface ServingCounts {
  readonly counters: Counters
  readonly http: Readonly<HttpCounters>
  /** Of the sink that the serving half made itself; null where it publishes through somebody else's. */
  readonly kafka: Readonly<KafkaCounters> | null
  /** Memory promised to bodies now. */
  bodyMemoryBytes: number
}

/** Nothing counted yet. */
export function createServingCounts(withKafka: boolean): ServingCounts {
  return {
    counters: new Counters(),
    http: createHttpCounters(),
    kafka: withKafka ? createKafkaCounters() : null,
    bodyMemoryBytes: 0,
  }
}

/** Every number in a fixed order, as it is sent from thread to thread. */
export function valuesOf(counts: ServingCounts): Float64Array {
  return Float64Array.from(cellsOf(counts), ({ holder, key }) => holder[key] as number)
}

/** Takes on `values`, as `valuesOf` gave them for counts made with the same sink. */
export function setValues(counts: ServingCounts, values: Float64Array): void {
  cellsOf(counts).forEach(({ holder, key }, i) => {
    holder[key] = values[i] as number
  })
}

/** `total` becomes the sum of `parts`, all made with the same sink. */
export function sumInto(total: ServingCounts, parts: readonly ServingCounts[]): void {
  const columns = parts.map(cellsOf)
  cellsOf(total).forEach(({ holder, key }, i) => {
    holder[key] = columns.reduce((sum, cells) => sum + (cells[i]?.holder[cells[i].key] as number), 0)
  })
}

/**
 * What becomes of the counts of a thread that has ended: its clients saw a closed connection, so requests without an answer are
 * aborted and pings that waited for the sink have failed. Nothing is open any more, and what was counted stays counted.
 */
export function settleEnded({ counters, http, kafka }: ServingCounts): ServingCounts {
  const refused = Object.values(counters.refused).reduce((sum, count) => sum + count, 0)
  counters.aborted = counters.requests - counters.answered - refused
  counters.decoded += counters.pending
  counters.failed += counters.pending
  counters.pending = 0
  return {
    counters,
    http: { ...http, aborted: http.aborted + http.open, open: 0, connections: 0 },
    kafka: kafka === null ? null : { ...kafka, queuedEvents: 0, queuedBytes: 0 },
    bodyMemoryBytes: 0,
  }
}

interface Cell {
  readonly holder: Record<string | number, unknown>
  readonly key: string | number
}

/** Found once for each: threads send their counts again and again. */
const knownCells = new WeakMap<ServingCounts, readonly Cell[]>()

/** Where the numbers lie, in the same order for all counts that were made with the same sink. */
function cellsOf(counts: ServingCounts): readonly Cell[] {
  const known = knownCells.get(counts)
  if (known !== undefined) return known
  const cells: Cell[] = []
  const walk = (holder: object): void => {
    for (const [key, value] of Object.entries(holder)) {
      if (typeof value === 'number') cells.push({ holder: holder as Cell['holder'], key })
      // A plain array is a histogram's bounds, which are the same everywhere.
      else if (typeof value === 'object' && value !== null && !Array.isArray(value)) walk(value)
    }
  }
  for (const part of [counts.counters, counts.http, counts.kafka]) if (part !== null) walk(part)
  cells.push({ holder: counts as unknown as Cell['holder'], key: 'bodyMemoryBytes' })
  knownCells.set(counts, cells)
  return cells
}
