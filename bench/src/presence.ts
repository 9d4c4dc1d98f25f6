// `make bench-presence`: what presence costs a batch: CPU of the node, commands and bytes of Redis; off, on LMDB and on Redis in turns.
import { readFileSync, writeFileSync } from 'node:fs'
import { createConnection } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import {
  HttpConnection,
  removeFolder,
  type ServiceProcess,
  startRedis,
  startService,
  tempFolder,
} from '@fencepost/testbed'
import { endProgress, progress, renderTable, withQuartiles, writeJson } from './report.ts'
import { quartiles } from './statistics.ts'

const USAGE = `make bench-presence ARGS="…"    (node bench/dist/presence.js …)

Posts batches of 20 pings of many devices to three standalone nodes in turns, without presence, with it on LMDB and on Redis, and prints CPU a
batch and, of Redis, commands and bytes a batch. One batch in five crosses the border of a fence. About two minutes.

  --rounds <n>     rounds an arm (6)
  --batches <n>    batches a round (3000)
  --json <file>    where the result goes (bench/out/bench-presence.json)
  --help
`
const DEFAULT_JSON = join(fileURLToPath(new URL('../out', import.meta.url)), 'bench-presence.json')
const ENTRY = fileURLToPath(new URL('../../services/standalone/dist/main.js', import.meta.url))
const KEY = 'bench-key'
const CONNECTIONS = 16
const DEVICES = 500
const PINGS = 20
/** A batch in so many is inside the fence. */
const CROSSES = 5
/** Clock ticks a second of /proc: what Linux has on all machines that Node runs on. */
const TICKS = 100

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '6' },
    batches: { type: 'string', default: '3000' },
    json: { type: 'string', default: DEFAULT_JSON },
    help: { type: 'boolean' },
  },
})
if (values.help) {
  console.log(USAGE)
  process.exit(0)
}
const rounds = Number(values.rounds)
const batches = Number(values.batches)

interface Arm {
  readonly name: string
  readonly service: ServiceProcess
  readonly connections: readonly HttpConnection[]
  /** Batches sent so far: what comes next. */
  sent: number
  readonly cpuUs: number[]
  readonly commands: number[]
  readonly bytes: number[]
}

const folder = tempFolder('bench-presence')
const redis = await startRedis()
const arms: Arm[] = []
try {
  await main()
} finally {
  for (const { service } of arms) await service.kill9()
  await redis.stop()
  removeFolder(folder)
}

async function main(): Promise<void> {
  const fences = join(folder, 'fences.geojson')
  const market = {
    type: 'Feature',
    id: 'market',
    properties: { radius_m: 100 },
    geometry: { type: 'Point', coordinates: [10, 50] },
  }
  writeFileSync(fences, JSON.stringify({ type: 'FeatureCollection', features: [market] }))
  for (const [name, env] of [
    ['off', { FENCEPOST_PRESENCE: 'off' }],
    ['LMDB', {}],
    ['Redis', { FENCEPOST_REDIS_URL: `redis://${redis.address}` }],
  ] as const) {
    const service = await startService({
      entry: ENTRY,
      env: {
        FENCEPOST_HOST: '127.0.0.1',
        FENCEPOST_PORT: '0',
        FENCEPOST_ADMIN_PORT: '0',
        FENCEPOST_DATA_DIR: join(folder, name),
        FENCEPOST_FENCES: fences,
        FENCEPOST_SDK_KEYS: `bench:${KEY}`,
        ...env,
      },
    })
    const { port } = await service.listening()
    const connections = Array.from({ length: CONNECTIONS }, () => new HttpConnection(port))
    arms.push({ name, service, connections, sent: 0, cpuUs: [], commands: [], bytes: [] })
  }
  for (const arm of arms) await post(arm, batches) // compiled, and every device's record cached
  for (let round = 0; round < rounds; round++) {
    progress(`round ${round + 1} of ${rounds}`)
    for (const arm of round % 2 === 0 ? arms : arms.toReversed()) await measure(arm)
  }
  endProgress()
  const base = arms[0] as Arm
  console.log(
    `batches of ${PINGS} pings, one in ${CROSSES} inside a fence, ${DEVICES} devices with a record each; medians with quartiles\n`,
  )
  console.log(
    renderTable(
      ['presence', 'CPU a batch, us', 'times without', 'Redis commands a batch', 'Redis bytes a batch'],
      arms.map(({ name, cpuUs, commands, bytes }) => [
        name,
        shown(cpuUs),
        shown(cpuUs.map((us, i) => us / (base.cpuUs[i] as number))),
        name === 'Redis' ? shown(commands) : '',
        name === 'Redis' ? shown(bytes) : '',
      ]),
    ),
  )
  writeJson(values.json, {
    rounds,
    batches,
    arms: arms.map(({ name, cpuUs, commands, bytes }) => ({ name, cpuUs, commands, bytes })),
  })
  console.log(`\nJSON: ${values.json}`)
}

async function measure(arm: Arm): Promise<void> {
  const [cpu, store] = [cpuTicks(arm.service.pid), await redisStats()]
  await post(arm, batches)
  const [cpuAfter, storeAfter] = [cpuTicks(arm.service.pid), await redisStats()]
  arm.cpuUs.push(((cpuAfter - cpu) * 1e6) / TICKS / batches)
  arm.commands.push((storeAfter.commands - store.commands) / batches)
  arm.bytes.push((storeAfter.bytes - store.bytes) / batches)
}

async function post(arm: Arm, count: number): Promise<void> {
  const end = arm.sent + count
  const work = async (connection: HttpConnection): Promise<void> => {
    while (arm.sent < end) {
      const number = arm.sent++
      const sent = Date.now()
      const lat = Math.floor(number / DEVICES) % CROSSES === 0 ? 50 : 51
      // Always later than the device's batch before.
      const pings = Array.from({ length: PINGS }, (_, i) => ({ type: 'location', age: PINGS - 1 - i, lat, lon: 10 }))
      const body = { v: 1, device: `d${number % DEVICES}`, sent, consent: true, pings }
      const headers = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' }
      const { status } = await connection.post('/v1/pings', headers, Buffer.from(JSON.stringify(body)))
      if (status !== 200) throw new Error(`a batch was answered ${status}`)
    }
  }
  await Promise.all(arm.connections.map(work))
}

function cpuTicks(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return Number(fields[11]) + Number(fields[12])
}

/** What Redis has been asked and has moved, asking it not counted but for a constant. */
async function redisStats(): Promise<{ commands: number; bytes: number }> {
  const info = await infoOf(redis.port)
  const of = (name: string): number => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1] ?? 0)
  return { commands: of('total_commands_processed'), bytes: of('total_net_input_bytes') + of('total_net_output_bytes') }
}

function shown(samples: readonly number[]): string {
  return withQuartiles(quartiles(samples))
}

/** The answer of INFO stats, over a socket of its own: one command more is all that it costs. */
function infoOf(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    const socket = createConnection(port, '127.0.0.1', () => socket.write('INFO stats\r\n'))
    socket.on('data', (data) => {
      text += data.toString('latin1')
      const length = Number(/^\$(\d+)\r\n/.exec(text)?.[1] ?? Number.NaN)
      if (text.length < text.indexOf('\r\n') + 2 + length) return
      socket.destroy()
      resolve(text)
    })
    socket.once('error', reject)
  })
}
