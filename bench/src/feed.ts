// `make bench-feed`: from a change at control until a ping at each of two ingest nodes matches it. Real Redis, real Kafka, real processes.
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import {
  HttpConnection,
  removeFolder,
  type ServiceProcess,
  startKafka,
  startRedis,
  startService,
  tempFolder,
} from '@fencepost/testbed'
import { brief, endProgress, progress, renderTable, writeJson } from './report.ts'
import { percentile } from './statistics.ts'

const USAGE = `make bench-feed ARGS="…"    (node bench/dist/feed.js …)

Starts a Redis, a Kafka, control and two ingest nodes, imports fences, then changes 1, 10 and 1,000 of them at once, and measures from the
request to control until a ping posted to each node matches the change. About two minutes.

  --fences <n>     fences (100000)
  --changes <n>    changes of one fence; a tenth of that for the others (200)
  --json <file>    where the result goes (bench/out/bench-feed.json)
  --help
`
const DEFAULT_JSON = join(fileURLToPath(new URL('../out', import.meta.url)), 'bench-feed.json')
const entryOf = (service: string): string =>
  fileURLToPath(new URL(`../../services/${service}/dist/main.js`, import.meta.url))
const NODES = 2
const TOKEN = 'bench-token'
const HEADERS = { authorization: `Bearer ${TOKEN}` }
const ROWS = [1, 10, 1000] as const
const DEADLINE_MS = 30_000

const { values } = parseArgs({
  options: {
    fences: { type: 'string', default: '100000' },
    changes: { type: 'string', default: '200' },
    json: { type: 'string', default: DEFAULT_JSON },
    help: { type: 'boolean' },
  },
})
if (values.help) {
  console.log(USAGE)
  process.exit(0)
}
const fences = Number(values.fences)
const changes = Number(values.changes)
const folder = tempFolder('bench-feed')
const services: ServiceProcess[] = []
const redis = await startRedis()
const kafka = await startKafka()
try {
  await main()
} finally {
  for (const service of services) await service.kill9()
  await kafka.stop()
  await redis.stop()
  removeFolder(folder)
}

async function main(): Promise<void> {
  const url = `redis://${redis.address}`
  const start = async (entry: string, env: Record<string, string>): Promise<{ port: number; adminPort: number }> => {
    const service = await startService({ entry, env: { FENCEPOST_REDIS_URL: url, ...env } })
    services.push(service)
    return service.listening(60_000)
  }
  const { adminPort: control } = await start(entryOf('control'), {
    FENCEPOST_ADMIN_PORT: '0',
    FENCEPOST_ADMIN_TOKEN: TOKEN,
    FENCEPOST_DATA_DIR: join(folder, 'control'),
  })
  const key = (await ask(control, 'POST', '/v1/tenants/bench/keys', '{}'))['key'] as string
  progress(`importing ${fences} fences`)
  const many = Array.from({ length: fences }, (_, i) => featureOf(i, placeOf(i))).join('\n')
  await ask(control, 'POST', '/v1/tenants/bench/fences:import', many)
  const ports = await Promise.all(
    Array.from({ length: NODES }, (_, i) =>
      start(entryOf('ingest'), {
        FENCEPOST_HOST: '127.0.0.1',
        FENCEPOST_PORT: '0',
        FENCEPOST_ADMIN_PORT: '0',
        FENCEPOST_KAFKA_BROKERS: kafka.bootstrap,
        FENCEPOST_KAFKA_REPLICATION: '1',
        FENCEPOST_KAFKA_PARTITIONS: '3',
        FENCEPOST_PRESENCE: 'off',
        FENCEPOST_DATA_DIR: join(folder, `node-${i}`),
        FENCEPOST_ROOT_KEY: 'a'.repeat(64),
        FENCEPOST_PSEUDONYM_KEY: 'b'.repeat(64),
      }),
    ),
  )
  const connections = ports.map(({ port }) => new HttpConnection(port))
  const rows = []
  let place = fences
  for (const atOnce of ROWS) {
    const rounds = Math.max(10, atOnce === 1 ? changes : Math.round(changes / 10))
    const ms: number[] = []
    for (let round = 0; round < rounds; round++) {
      progress(`${atOnce} at once: ${round + 1} of ${rounds}`)
      const lines = Array.from({ length: atOnce }, (_, i) => featureOf(i, placeOf(place + i)))
      const last = placeOf(place + atOnce - 1)
      place += atOnce
      const began = performance.now()
      if (atOnce === 1) await ask(control, 'PUT', '/v1/tenants/bench/fences/f0', lines[0] as string)
      else await ask(control, 'POST', '/v1/tenants/bench/fences:import', lines.join('\n'))
      await Promise.all(connections.map((connection) => untilMatched(connection, key, last)))
      ms.push(performance.now() - began)
    }
    const sorted = Float64Array.from(ms).sort()
    rows.push({
      atOnce,
      rounds,
      p50: percentile(sorted, 50),
      p99: percentile(sorted, 99),
      max: sorted.at(-1) as number,
    })
  }
  endProgress()
  for (const connection of connections) connection.close()
  console.log(
    `${fences} fences, control and ${NODES} ingest nodes; ms from the request to control until a ping at each node matches\n`,
  )
  console.log(
    renderTable(
      ['fences changed at once', 'times', 'p50', 'p99', 'max'],
      rows.map((row) => [String(row.atOnce), String(row.rounds), brief(row.p50), brief(row.p99), brief(row.max)]),
    ),
  )
  writeJson(values.json, { fences, rows })
  console.log(`\nJSON: ${values.json}`)
}

async function ask(port: number, method: string, path: string, body: string): Promise<Record<string, unknown>> {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method, headers: HEADERS, body })
  if (!answer.ok) throw new Error(`${method} ${path} was answered ${answer.status}: ${await answer.text()}`)
  return (await answer.json()) as Record<string, unknown>
}

interface Place {
  readonly lat: number
  readonly lon: number
}

/** A grid of places that no two fences share: 0.01 degrees apart, and a fence is 100 m. */
function placeOf(i: number): Place {
  return { lat: Math.floor(i / 3000) / 100 - 60, lon: (i % 3000) / 100 }
}

function featureOf(i: number, { lat, lon }: Place): string {
  return JSON.stringify({
    type: 'Feature',
    id: `f${i}`,
    properties: { radius_m: 100 },
    geometry: { type: 'Point', coordinates: [lon, lat] },
  })
}

/** Posts pings one after the other until one is matched. */
async function untilMatched(connection: HttpConnection, key: string, { lat, lon }: Place): Promise<void> {
  const until = performance.now() + DEADLINE_MS
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }
  while (performance.now() < until) {
    const body = {
      v: 1,
      device: 'bench',
      sent: Date.now(),
      consent: true,
      pings: [{ type: 'location', age: 0, lat, lon }],
    }
    const answer = await connection.post('/v1/pings', headers, Buffer.from(JSON.stringify(body)))
    if (answer.status !== 200) throw new Error(`a ping was answered ${answer.status}`)
    if ((JSON.parse(answer.body.toString()) as { matched: number }).matched > 0) return
  }
  throw new Error(`the change was not live after ${DEADLINE_MS} ms`)
}
