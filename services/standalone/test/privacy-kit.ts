// A person, staff, and a search of every byte that a service has written.
import { execFileSync } from 'node:child_process'
import { signSubject } from '@fencepost/policy'
import { Packr } from 'msgpackr'
import { KEY, TENANT } from './support.ts'

const packr = new Packr({ useRecords: false })

export interface Answered {
  readonly status: number
  readonly json: Record<string, unknown>
  readonly text: string
}

/** Asks a port, JSON both ways; every answer is kept for a search. */
export async function ask(
  port: number,
  method: string,
  path: string,
  { body, headers = {} }: { readonly body?: unknown; readonly headers?: Readonly<Record<string, string>> } = {},
): Promise<Answered> {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
    method,
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await answer.text()
  let json: Record<string, unknown> = {}
  try {
    json = JSON.parse(text) as Record<string, unknown>
  } catch {
    // lines, or a page
  }
  return { status: answer.status, json, text }
}

export interface Ping {
  readonly lat: number
  readonly lon: number
  readonly age?: number
  readonly [field: string]: unknown
}

/** One phone at the public door. */
export class Phone {
  readonly device: string
  readonly key: string

  constructor(device: string, key = KEY) {
    this.device = device
    this.key = key
  }

  async post(
    port: number,
    pings: readonly Ping[],
    { encoding = 'json', ...more }: { readonly encoding?: 'json' | 'msgpack'; readonly [field: string]: unknown } = {},
  ): Promise<Answered> {
    const all = pings.map((ping) => ({ type: 'location', age: 0, ...ping }))
    const body = { v: 1, device: this.device, sent: Date.now(), consent: true, pings: all, ...more }
    const bytes = encoding === 'json' ? JSON.stringify(body) : Buffer.from(packr.pack(body))
    const answer = await fetch(`http://127.0.0.1:${port}/v1/pings`, {
      method: 'POST',
      headers: { authorization: `Bearer ${this.key}`, 'content-type': `application/${encoding}` },
      body: bytes,
    })
    const text = await answer.text()
    return { status: answer.status, json: encoding === 'json' ? JSON.parse(text) : {}, text }
  }

  /** Headers of a request at the public door; with a secret, as the person signed in. */
  headers(secret?: string, expires = Date.now() + 60_000): Record<string, string> {
    return {
      authorization: `Bearer ${this.key}`,
      'x-fencepost-device': encodeURIComponent(this.device),
      ...(secret === undefined ? {} : { 'x-fencepost-subject': signSubject(secret, this.device, expires) }),
    }
  }

  consent(port: number, consent: unknown, secret?: string): Promise<Answered> {
    return ask(port, 'PUT', '/v1/consent', { body: { device: this.device, consent }, headers: this.headers(secret) })
  }
}

/** The secret with which a tenant's backend signs. */
export async function subjectSecretOf(adminPort: number, tenant = TENANT): Promise<string> {
  return (await ask(adminPort, 'POST', `/v1/tenants/${tenant}/subject-secret`)).json['secret'] as string
}

/** Asks for something in a person's name, and waits until it is done. */
export async function request(adminPort: number, body: Readonly<Record<string, unknown>>): Promise<Answered> {
  const made = await ask(adminPort, 'POST', '/v1/privacy/requests', { body: { tenant: TENANT, ...body } })
  if (made.status !== 202) return made
  return finished(adminPort, made.json['id'] as string)
}

export async function finished(adminPort: number, id: string): Promise<Answered> {
  for (let tries = 0; ; tries++) {
    const found = await ask(adminPort, 'GET', `/v1/privacy/requests/${id}`)
    if (found.json['status'] === 'done') return found
    if (tries > 600) throw new Error(`the request is not done: ${found.text}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** Files below a folder that have any of these bytes. By another process: whoever closes LMDB's lock file lets go of its locks. */
export function filesWith(dir: string, needles: readonly Buffer[]): string[] {
  const found: string[] = []
  for (const needle of needles) {
    const pattern = [...needle].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')
    try {
      const out = execFileSync('grep', ['-rlaP', pattern, dir], {
        encoding: 'utf8',
        env: { ...process.env, LC_ALL: 'C' },
      })
      found.push(
        ...out
          .trim()
          .split('\n')
          .map((file) => `${file}: ${needle.toString('latin1')}`),
      )
    } catch {
      // none
    }
  }
  return found
}

/** Ways in which a coordinate could be written down: text, and numbers of every kind in use. */
export function formsOfCoordinate(degrees: number): Buffer[] {
  const e7 = Math.round(degrees * 1e7)
  const double = Buffer.alloc(8)
  double.writeDoubleLE(degrees)
  const integer = Buffer.alloc(4)
  integer.writeInt32LE(e7)
  return [
    Buffer.from(String(degrees)),
    Buffer.from(String(e7)),
    double,
    Buffer.from(double).reverse(),
    integer,
    Buffer.from(integer).reverse(),
  ]
}
