// Names and values of the feed's rows, and how those of taken stages lie over the documents. Pure.
import type { Doc, DocChange, DocKind, DocName } from '@fencepost/model'
import type { SourceReply } from './feed-scripts.ts'

/** Ends kind and tenant: neither of them nor an id holds it. */
const END = '\0'

/** @throws RangeError for a name with a zero character */
export function rowName({ kind, tenant, id }: DocName): string {
  if (tenant.includes(END) || id.includes(END)) throw new RangeError('a document has a zero character in its name')
  return `${kind}${END}${tenant}${END}${id}`
}

/** What is stored of a document that a step has changed; '': it is gone. */
export function rowValue({ body }: DocChange, seq: number): string {
  return body === null ? '' : `${seq}:${body}`
}

export function docOf(name: DocName, value: string): Doc {
  const colon = value.indexOf(':')
  return {
    kind: name.kind,
    tenant: name.tenant,
    id: name.id,
    body: value.slice(colon + 1),
    seq: Number(value.slice(0, colon)),
  }
}

/** Rows from and to, as ZRANGEBYLEX takes them. */
export interface RowRange {
  readonly from: string
  readonly to: string
}

export const ALL_ROWS: RowRange = { from: '-', to: '+' }

/** Rows of a kind and tenant after an id; '' = from the first. */
export function rowsAfter(kind: DocKind, tenant: string, after: string): RowRange {
  const first = rowName({ kind, tenant, id: after })
  return { from: after === '' ? `[${first}` : `(${first}`, to: `(${kind}${END}${tenant}\u0001` }
}

export interface RowPage {
  readonly docs: readonly Doc[]
  /** Where the next page begins; null: this is the last. */
  readonly next: string | null
}

/**
 * One page out of what the documents and the taken stages hold of it, the latest last. A source that goes on may hold more up to its last
 * name only: the page ends with the first of those ends.
 */
export function mergeRows(sources: readonly SourceReply[]): RowPage {
  const values = new Map<string, string>()
  let end: string | null = null
  for (const [before, goesOn, ...rows] of sources) {
    for (let i = 0; i < rows.length; i += 2) {
      const value = rows[i + 1] as string
      values.set(rows[i] as string, value === '' ? '' : before + value)
    }
    const last = rows.at(-2)
    if (goesOn === 1 && last !== undefined && (end === null || byBytes(last, end) < 0)) end = last
  }
  const names = [...values.keys()].filter((name) => end === null || byBytes(name, end) <= 0)
  if (sources.length > 1) names.sort(byBytes)
  const docs: Doc[] = []
  for (const name of names) {
    const value = values.get(name) as string
    if (value === '') continue
    const [kind, tenant, id] = name.split(END) as [DocKind, string, string]
    docs.push(docOf({ kind, tenant, id }, value))
  }
  return { docs, next: end === null ? null : `(${end}` }
}

/** Pieces of at most so many rows and, but for a single larger one, bytes. */
export function* pieces(
  docs: readonly DocChange[],
  maxRows: number,
  maxBytes: number,
): Generator<readonly DocChange[]> {
  let piece: DocChange[] = []
  let bytes = 0
  for (const doc of docs) {
    const size = Buffer.byteLength(doc.body ?? '')
    if (piece.length > 0 && (piece.length === maxRows || bytes + size > maxBytes)) {
      yield piece
      piece = []
      bytes = 0
    }
    piece.push(doc)
    bytes += size
  }
  yield piece
}

/** In order of UTF-8, which that of a string's units is not. */
function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}
