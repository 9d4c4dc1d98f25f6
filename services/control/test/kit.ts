// Control on a port of its own, over a feed in a folder of its own, and somebody to ask it.
import { join } from 'node:path'
import { createLmdbFeed, createLmdbPresenceStore } from '@fencepost/embedded'
import { createFenceIndex } from '@fencepost/match'
import { type FenceFeed, type PresenceStore, silentLogger } from '@fencepost/model'
import { createIdentities, subjectSecret } from '@fencepost/policy'
import { createHoldings, createRequestBook } from '@fencepost/privacy'
import { createHttpServer } from '@fencepost/server'
import { removeFolder, tempFolder } from '@fencepost/testbed'
import { onTestFinished } from 'vitest'
import { addControlRoutes, type ControlParts, type PrivacyKit } from '../dist/index.js'

export const OWNER = 'the-owner-token'

export interface Answered {
  readonly status: number
  readonly json: Record<string, unknown>
  readonly text: string
  readonly headers: Headers
}

export interface Asking {
  readonly token?: string | null
  readonly body?: unknown
  readonly raw?: string | Uint8Array
  readonly headers?: Readonly<Record<string, string>>
}

export interface Kit {
  readonly feed: FenceFeed
  ask(method: string, path: string, asking?: Asking): Promise<Answered>
}

export async function serveControl(more: Partial<ControlParts> = {}): Promise<Kit> {
  const folder = tempFolder('control')
  const feed = createLmdbFeed({ dir: join(folder, 'feed') }, { logger: silentLogger })
  await feed.start()
  const server = createHttpServer({ name: 'admin', host: '127.0.0.1', port: 0, logger: silentLogger })
  const records = createLmdbPresenceStore({ dir: join(folder, 'records') }, { logger: silentLogger })
  const requests = createLmdbPresenceStore({ dir: join(folder, 'requests') }, { logger: silentLogger })
  await records.start()
  await requests.start()
  addControlRoutes(server, {
    feed,
    logger: silentLogger,
    adminToken: OWNER,
    fencesWritable: true,
    explain: {
      moment: () => ({ index: createFenceIndex([]), feed: { epoch: 'e', seq: 0 }, campaignsOf: () => [] }),
      limits: { maxPingAgeMs: 72 * 3_600_000, maxPingFutureMs: 300_000 },
    },
    privacy: privacyKit(records, requests),
    ...more,
  })
  const { port } = await server.start()
  onTestFinished(async () => {
    await server.stop(2000)
    await feed.stop(2000)
    await records.stop(2000)
    await requests.stop(2000)
    removeFolder(folder)
  })
  return {
    feed,
    async ask(method, path, { token = OWNER, body, raw, headers = {} } = {}) {
      const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
        method,
        headers: {
          ...(token === null ? {} : { authorization: `Bearer ${token}` }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined && raw === undefined ? {} : { body: (raw ?? JSON.stringify(body)) as string }),
      })
      const text = await answer.text()
      let json: Record<string, unknown> = {}
      try {
        json = JSON.parse(text) as Record<string, unknown>
      } catch {
        // lines, or a page
      }
      return { status: answer.status, json, text, headers: answer.headers }
    },
  }
}

const ROOT_KEY = Buffer.alloc(32, 1)

/** Requests that nobody carries out. */
export function privacyKit(records: PresenceStore, requests: PresenceStore): PrivacyKit {
  const identities = createIdentities({ rootKey: ROOT_KEY, pseudonymKey: Buffer.alloc(32, 2) })
  return {
    book: createRequestBook(requests, 1e12),
    holdings: createHoldings({
      records,
      pseudonymsOf: identities.pseudonymsOf,
      events: null,
      decode: () => null,
      clock: Date.now,
    }),
    subjectOf: (tenant, device) => identities.of(tenant, Buffer.from(device), 0, Buffer.byteLength(device)).subject,
    subjectSecret: (tenant, number) => subjectSecret(ROOT_KEY, tenant, number),
    wake() {},
    retention: async () => ({ rows: [] }),
    recipients: [],
  }
}

export function circle(id: string, lon: number, lat: number, properties: Record<string, unknown> = {}) {
  return {
    type: 'Feature',
    id,
    properties: { radius_m: 100, ...properties },
    geometry: { type: 'Point', coordinates: [lon, lat] },
  }
}
