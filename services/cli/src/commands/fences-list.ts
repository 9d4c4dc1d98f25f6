// `fences list`: page after page, in the order of ids.
import { call } from '../api.ts'
import { type Command, TENANT } from '../command.ts'
import { table } from '../table.ts'

interface Feature {
  readonly id: string
  readonly properties?: Readonly<Record<string, unknown>> | null
  readonly geometry?: { readonly type: string } | null
}

const PAGE = 1000

export const fencesList: Command = {
  name: 'fences list',
  summary: 'Shows fences by id',
  options: {
    tenant: TENANT,
    bbox: { value: 'W,S,E,N', help: 'only those whose box meets this one, in degrees' },
    tag: { value: 'TAG', help: 'only those that carry it' },
    limit: { value: 'N', help: 'that many at most; default: all' },
  },
  notes: ['With --json: one GeoJSON feature a line.'],
  async run({ url, token, json, values, io }) {
    let left = values.number('limit', { min: 1, max: 1e9, whole: true }) ?? Number.POSITIVE_INFINITY
    const filter = ['bbox', 'tag'].flatMap((name) => {
      const value = values.text(name)
      return value === undefined ? [] : [`&${name}=${encodeURIComponent(value)}`]
    })
    let isFirst = true
    let shown = 0
    for (let after = ''; left > 0; ) {
      const path = `${values.tenantPath()}/fences?limit=${Math.min(left, PAGE)}&after=${encodeURIComponent(after)}${filter.join('')}`
      const { features, next } = await call<{ features: Feature[]; next: string | null }>({
        url,
        token,
        path,
        signal: io.ended,
      })
      left -= features.length
      shown += features.length
      if (json) for (const feature of features) await io.out(JSON.stringify(feature))
      else if (features.length > 0) {
        const [head = '', ...rows] = table(['ID', 'NAME', 'SHAPE', 'TAGS', 'CAMPAIGNS'], features.map(rowOf))
        for (const line of isFirst ? [head, ...rows] : rows) await io.out(line)
        isFirst = false
      }
      if (next === null) break
      after = next
    }
    if (!json) io.err(`${shown} fences`)
  },
}

function rowOf({ id, properties, geometry }: Feature): string[] {
  const { name, radius_m: radius, tags, campaigns } = properties ?? {}
  const shape =
    geometry == null ? 'beacon' : geometry.type === 'Point' ? `circle ${radius} m` : geometry.type.toLowerCase()
  return [id, String(name ?? ''), shape, listOf(tags), listOf(campaigns)]
}

function listOf(value: unknown): string {
  return Array.isArray(value) ? value.join(',') : ''
}
