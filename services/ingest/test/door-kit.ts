// A whole node in this process on free ports with a held sink, and a client that sends what it is told.
import { type Agent, request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { type PackedFences, packFences } from '@fencepost/match'
import { type Fence, silentLogger } from '@fencepost/model'
import { parseConfig } from '@fencepost/runtime'
import { onTestFinished } from 'vitest'
import { createNode, type FencepostNode } from '../src/app.ts'
import { nodeSettings } from '../src/config.ts'
import { circle, type HeldSink, heldSink, NOW } from './node-kit.ts'

export const KEY = 'key-of-acme'
export const MARKET: Fence = circle('market', 9.99, 53.55, 100)

export interface RunningNode {
  readonly node: FencepostNode
  readonly sink: HeldSink
  readonly port: number
  readonly adminPort: number
}

/** Starts a node that stops with the test. `env` joins loopback hosts, free ports and one key of the tenant `acme`. */
export async function runNode(
  env: Readonly<Record<string, string>> = {},
  parts: { readonly clock?: () => number; readonly loadFences?: () => Promise<PackedFences> } = {},
): Promise<RunningNode> {
  const config = parseConfig(nodeSettings, {
    FENCEPOST_HOST: '127.0.0.1',
    FENCEPOST_PORT: '0',
    FENCEPOST_ADMIN_PORT: '0',
    FENCEPOST_SDK_KEYS: `acme:${KEY}`,
    ...env,
  })
  const sink = heldSink()
  const node = createNode({
    config,
    logger: silentLogger,
    sink,
    rootKey: Buffer.alloc(32, 1),
    pseudonymKey: Buffer.alloc(32, 2),
    loadFences: async () => packFences([MARKET]),
    clock: () => NOW,
    ...parts,
  })
  const { port, adminPort } = await node.start()
  onTestFinished(async () => {
    sink.settle()
    await node.stop(2000)
  })
  return { node, sink, port, adminPort }
}

export interface Call {
  readonly method?: string
  readonly path?: string
  /** Join host, the key of acme and a JSON content type; '' leaves one out. */
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
  /** content-length, when it is not that of `body`. */
  readonly declared?: number
  readonly agent?: Agent
}

export interface Answered {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

/** One request; `Connection: close` unless an agent keeps it. Resolves with the answer, even when the body was not sent whole. */
export function call(port: number, options: Call = {}): Promise<Answered> {
  const { method = 'POST', path = '/v1/pings', body = '', declared, agent } = options
  const headers: Record<string, string> = {
    authorization: `Bearer ${KEY}`,
    'content-type': 'application/json',
    'content-length': String(declared ?? Buffer.byteLength(body)),
    ...options.headers,
  }
  for (const [name, value] of Object.entries(headers)) if (value === '') delete headers[name]
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      { host: '127.0.0.1', port, method, path, headers, agent: agent ?? false },
      (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('end', () => {
          if (declared !== undefined) request.destroy()
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) })
        })
        response.on('error', reject)
      },
    )
    request.on('error', reject)
    if (declared === undefined) request.end(body)
    else request.write(body)
  })
}

/** The value of one metric, its labels as written by Prometheus: `fencepost_x_total{reason="y"}`. */
export async function metric(adminPort: number, name: string): Promise<number> {
  const { body } = await call(adminPort, { method: 'GET', path: '/metrics', headers: { 'content-type': '' } })
  const line = body
    .toString()
    .split('\n')
    .find((one) => one.startsWith(`${name} `))
  return Number(line?.slice(name.length + 1) ?? Number.NaN)
}

/** Sum of a counter over all its labels. */
export function sumOf(metrics: string, name: string): number {
  return metrics
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0)
}
