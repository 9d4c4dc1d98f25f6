// `privacy …`: what people ask about their data, asked for them; and what Kafka keeps of them.
import { setTimeout as delay } from 'node:timers/promises'
import { scanTopic } from '@fencepost/kafka'
import { decodeEvent } from '@fencepost/wire'
import { call } from '../api.ts'
import { type Command, type Context, Refusal, TENANT, UsageError } from '../command.ts'
import { table } from '../table.ts'

interface Shown {
  readonly id: string
  readonly type: string
  readonly tenant: string
  readonly status: string
  readonly created: number
  readonly deadline: number
  readonly problem: string | null
  readonly progress: { readonly step: string }
  readonly proof: unknown
  readonly result?: unknown
}

const TYPES = ['access', 'export', 'erase', 'object', 'restrict', 'disclosure'] as const
const LOOK_MS = 250

async function find({ url, token }: Context, id: string): Promise<Shown> {
  return call<Shown>({ url, token, path: `/v1/privacy/requests/${encodeURIComponent(id)}` })
}

/** Looks until it is done, saying at which step it is. */
async function waitFor(context: Context, id: string): Promise<Shown> {
  const { io } = context
  let step = ''
  for (;;) {
    const found = await find(context, id)
    if (found.status === 'done') return found
    const now = found.problem === null ? found.progress.step : `${found.progress.step}, tried again: ${found.problem}`
    if (now !== step) io.err(`${id}: ${now}`)
    step = now
    await delay(LOOK_MS, undefined, { signal: io.ended }).catch(() => {})
    if (io.ended.aborted) throw new Refusal(`${id} goes on by itself; see: fencepost privacy show ${id}`)
  }
}

async function tell({ io, json }: Context, found: Shown): Promise<void> {
  if (json) return io.out(JSON.stringify(found))
  await io.out(`${found.id} ${found.type} ${found.status}, asked ${day(found.created)}, due by ${day(found.deadline)}`)
  if (found.proof !== null) await io.out(JSON.stringify(found.proof, null, 2))
  if (found.result != null) await io.out(JSON.stringify(found.result, null, 2))
}

function day(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10)
}

export const privacyRequest: Command = {
  name: 'privacy request',
  summary: 'Asks for access, export, erasure, objection, restriction or disclosure, and waits until it is done',
  operand: 'TYPE',
  options: {
    tenant: TENANT,
    device: { value: 'ID', help: 'the device’s id, as the app sends it' },
    pseudonym: { value: 'NAME', help: 'in its place: the device as events call it' },
    lift: { help: 'ends an objection or a restriction' },
  },
  notes: [`TYPE is ${TYPES.join(', ')}.`, 'It takes a token with the role privacy.'],
  async run(context) {
    const { url, token, values, operand } = context
    const type = TYPES.find((one) => one === operand)
    if (type === undefined) throw new UsageError(`TYPE must be one of ${TYPES.join(', ')}`)
    const device = values.text('device')
    const pseudonym = values.text('pseudonym')
    if (type !== 'disclosure' && (device === undefined) === (pseudonym === undefined))
      throw new UsageError('name the device by --device or by --pseudonym')
    const subject = device !== undefined ? { device } : pseudonym !== undefined ? { pseudonym } : undefined
    const text = JSON.stringify({
      type,
      tenant: values.tenant(),
      ...(subject === undefined ? {} : { subject }),
      ...(values.flag('lift') ? { lift: true } : {}),
    })
    const body = { type: 'application/json', bytes: Buffer.byteLength(text), from: text }
    const { id } = await call<Shown>({ url, token, method: 'POST', path: '/v1/privacy/requests', body })
    await tell(context, await waitFor(context, id))
  },
}

export const privacyShow: Command = {
  name: 'privacy show',
  summary: 'Shows one request: status, deadline, proof, result',
  operand: 'REQUEST',
  options: {},
  async run(context) {
    await tell(context, await find(context, context.operand))
  },
}

export const privacyList: Command = {
  name: 'privacy list',
  summary: 'Lists requests, the newest first',
  options: { tenant: { value: 'T', help: 'only of this tenant' } },
  async run({ url, token, json, values, io }) {
    const tenant = values.text('tenant') ?? ''
    const path = `/v1/privacy/requests?limit=1000&tenant=${encodeURIComponent(tenant)}`
    const { items } = await call<{ items: readonly Shown[] }>({ url, token, path })
    if (json) {
      for (const item of items) await io.out(JSON.stringify(item))
      return
    }
    const rows = items.map(({ id, type, tenant: of, status, created, deadline }) => [
      id,
      type,
      of,
      status,
      day(created),
      day(deadline),
    ])
    for (const line of table(['REQUEST', 'TYPE', 'TENANT', 'STATUS', 'ASKED', 'DUE BY'], rows)) await io.out(line)
  },
}

export const privacyEvents: Command = {
  name: 'privacy events',
  summary: 'Reads through the topics in Kafka and prints every event of a device',
  options: {
    brokers: { value: 'HOSTS', help: 'host:port,host:port of the brokers to begin with', required: true },
    keys: { value: 'NAMES', help: 'the device as events call it: events_elsewhere.keys of an export', required: true },
    topics: { value: 'NAMES', help: 'default: fencepost.matches,fencepost.transitions' },
    'tls-ca': { value: 'FILE', help: 'TLS to the brokers, with this PEM of their authority' },
    tls: { help: 'TLS to the brokers, with the system’s authorities' },
    'sasl-user': { value: 'NAME', help: 'SASL user (SCRAM-SHA-512); its password: FENCEPOST_KAFKA_SASL_PASSWORD' },
  },
  notes: ['One {topic, partition, offset, value} a line. It reads everything that the topics keep.'],
  async run({ values, io }) {
    const listOf = (name: string, otherwise = ''): string[] =>
      (values.text(name) ?? otherwise).split(',').filter((one) => one !== '')
    const caFile = values.text('tls-ca')
    const username = values.text('sasl-user')
    const password = process.env['FENCEPOST_KAFKA_SASL_PASSWORD']
    if (username !== undefined && password === undefined)
      throw new UsageError('--sasl-user needs FENCEPOST_KAFKA_SASL_PASSWORD')
    let found = 0
    for (const topic of listOf('topics', 'fencepost.matches,fencepost.transitions')) {
      let told = 0
      const seen = await scanTopic({
        brokers: listOf('brokers'),
        ...(caFile !== undefined ? { tls: { caFile } } : values.flag('tls') ? { tls: true } : {}),
        ...(username === undefined
          ? {}
          : { sasl: { mechanism: 'scram-sha-512', username, password: password as string } }),
        topic,
        keys: new Set(listOf('keys')),
        signal: io.ended,
        onProgress(done, all) {
          const share = Math.floor((done / all) * 10)
          if (share > told) io.err(`${topic}: ${done} of ${all} records`)
          told = Math.max(told, share)
        },
        async onRecord({ partition, offset, contentType, value }) {
          found++
          const type = contentType === 'application/msgpack' ? 'application/msgpack' : 'application/json'
          await io.out(JSON.stringify({ topic, partition, offset, value: decodeEvent(value, type) }))
        },
      })
      io.err(`${topic}: ${seen} records looked at`)
    }
    io.err(`${found} events found`)
  },
}
