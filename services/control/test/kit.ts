// Control on a port of its own, over a feed in a folder of its own, and somebody to ask it.
import { join } from 'node:path'
import { createLmdbFeed } from '@fencepost/embedded'
import { createFenceIndex } from '@fencepost/match'
import { type FenceFeed, silentLogger } from '@fencepost/model'
import { createHttpServer } from '@fencepost/server'
import { removeFolder, tempFolder } from '@fencepost/testbed'
import { onTestFinished } from 'vitest'
import { addControlRoutes, type ControlParts } from '../dist/index.js'

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
  addControlRoutes(server, {
    feed,
    logger: silentLogger,
    adminToken: OWNER,
    fencesWritable: true,
    explain: {
      moment: () => ({ index: createFenceIndex([]), feed: { epoch: 'e', seq: 0 }, campaignsOf: () => [] }),
      limits: { maxPingAgeMs: 72 * 3_600_000, maxPingFutureMs: 300_000 },
    },
    ...more,
  })
  const { port } = await server.start()
  onTestFinished(async () => {
    await server.stop(2000)
    await feed.stop(2000)
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

export function circle(id: string, lon: number, lat: number, properties: Record<string, unknown> = {}) {
  return {
    type: 'Feature',
    id,
    properties: { radius_m: 100, ...properties },
    geometry: { type: 'Point', coordinates: [lon, lat] },
  }
}
