// `explain`: why a ping at a place and time fires, or does not.
import { call } from '../api.ts'
import { type Command, TENANT } from '../command.ts'
import { table } from '../table.ts'

interface Explanation {
  readonly feed: { readonly epoch: string; readonly seq: number }
  readonly door: { readonly taken: boolean; readonly reason: string | null }
  readonly fences: readonly {
    readonly fence: { readonly id: string }
    readonly inside: boolean
    readonly rule: string
    readonly edge_m: number | null
    readonly expired: boolean
    readonly campaigns: readonly { readonly id: string; readonly open: boolean; readonly message: string }[]
  }[]
}

export const explain: Command = {
  name: 'explain',
  summary: 'Tells of one place and time which fences and campaigns a ping would meet, and by what rule',
  options: {
    tenant: TENANT,
    lat: { value: 'DEG', help: 'latitude', required: true },
    lon: { value: 'DEG', help: 'longitude', required: true },
    at: { value: 'TIME', help: 'epoch ms or ISO 8601 with a zone; default: now' },
  },
  async run({ url, token, json, values, io }) {
    const at = values.instant('at')
    const text = JSON.stringify({
      tenant: values.tenant(),
      lat: values.number('lat', { min: -90, max: 90 }),
      lon: values.number('lon', { min: -180, max: 180 }),
      ...(at === undefined ? {} : { at }),
    })
    const body = { type: 'application/json', bytes: Buffer.byteLength(text), from: text }
    const found = await call<Explanation>({ url, token, method: 'POST', path: '/v1/explain', body })
    if (json) return io.out(JSON.stringify(found))
    const { door, fences, feed } = found
    await io.out(door.taken ? 'the ping is taken' : `the ping is not taken: ${door.reason}`)
    if (fences.length === 0) return io.out(`no fence is near (step ${feed.seq} of the feed)`)
    const rows = fences.flatMap(({ fence, inside, rule, edge_m: edge, expired, campaigns }) => [
      [
        fence.id,
        inside ? 'yes' : 'no',
        expired ? `${rule}, expired` : rule,
        edge === null ? '' : `${edge.toFixed(1)} m`,
        '',
      ],
      ...campaigns.map(({ id, open, message }) => ['', '', '', '', `${id}: ${open ? 'open' : 'closed'}, ${message}`]),
    ])
    for (const line of table(['FENCE', 'INSIDE', 'RULE', 'EDGE', 'CAMPAIGNS'], rows)) await io.out(line)
  },
}
