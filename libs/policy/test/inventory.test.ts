// The inventory against what there is: a field that is read, stored or published and is not in it fails here, and one that is in it and nowhere
// else.
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { decodeRecord, encodeRecord } from '../../presence/src/index.ts'
import { newRequest } from '../../privacy/src/index.ts'
import { INVENTORY, inventoried, inventoryMarkdown, PLACES } from '../src/index.ts'

const read = (path: string): string => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8')

/** Words of a `new KeyTable([…])` of the reader of bodies. */
function keysOf(table: string): string[] {
  const text = new RegExp(`${table} = new KeyTable\\(\\[([^\\]]*)\\]`).exec(
    read('libs/wire/src/msgpack-reader.ts'),
  )?.[1]
  return [...(text ?? '').matchAll(/'([^']+)'/g)].map(([, word]) => word as string)
}

function sorted(names: Iterable<string>): string[] {
  return [...new Set(names)].sort()
}

/** Every name in a value, at any depth, but for those of bytes and lists of numbers. */
function namesIn(value: unknown): string[] {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return []
  if (Array.isArray(value)) return value.flatMap(namesIn)
  return Object.entries(value).flatMap(([name, inner]) => [name, ...namesIn(inner)])
}

const PURPOSES = { location: true, analytics: null, marketing: false }
const CAMPAIGNS = { seen: ['spring'], named: [], free: true }
const RECORD = {
  tenant: 'acme',
  feed: { epoch: 'e', seq: 1 },
  state: {
    last: 1,
    lastAt: 1,
    received: 1,
    skew: 0,
    lastVisit: 1,
    visits: [
      {
        fence: 'market',
        version: 1,
        beacon: false,
        visit: 1,
        entered: 1,
        enteredAt: 1,
        seen: 1,
        seenAt: 1,
        outside: null,
        dwelled: [60],
        campaigns: CAMPAIGNS,
      },
    ],
    caps: [{ campaign: 'spring', windowS: 60, forgotten: null, times: [1], tags: [1] }],
  },
  privacy: {
    purposes: PURPOSES,
    suppressed: {
      since: 1,
      why: 'erased' as const,
      request: 'r',
      found: { visits: 1, caps: 1, pending: 1, choices: 1 },
    },
    objected: false,
    restricted: false,
    evidence: [{ at: 1, by: 'sdk' as const, purposes: PURPOSES, chosenAt: 1, textVersion: 'v1' }],
  },
  pending: {
    topic: 'transitions' as const,
    tenant: 'acme',
    key: 'p',
    contentType: 'application/json' as const,
    count: 1,
    values: new Uint8Array(2),
    ends: Uint32Array.of(2),
    ids: new Uint8Array(16),
    times: Float64Array.of(1),
  },
}

describe('the inventory', () => {
  it('has every field that a ping may carry', () => {
    const wire = ['HEAD_KEYS', 'CONSENT_KEYS', 'PING_KEYS'].flatMap(keysOf)
    expect(wire.length).toBeGreaterThan(25)
    expect(sorted(inventoried('ping'))).toEqual(sorted(wire))
  })

  it.each(['match', 'transition', 'erasure'])('has every field of the event %s', (name) => {
    const { components } = JSON.parse(read('libs/wire/asyncapi.json')) as {
      components: { messages: Record<string, { payload: { properties: object } }> }
    }
    const { properties } = components.messages[name]?.payload ?? { properties: {} }
    expect(sorted(inventoried(name))).toEqual(sorted(Object.keys(properties)))
  })

  it('has every field of a stored record', () => {
    const stored = decodeRecord(encodeRecord(RECORD))
    expect(stored).toEqual(RECORD)
    // The key that it lies under.
    expect(sorted(inventoried('record'))).toEqual(sorted(['subject', ...namesIn(stored)]))
  })

  it('has every field of a request', () => {
    const request = newRequest(
      { id: 'r', type: 'erase', tenant: 't', subject: 's', pseudonym: null, lift: false, origin: 'admin', who: 'w' },
      1,
    )
    expect(sorted(inventoried('request'))).toEqual(sorted(Object.keys(request)))
  })

  it('has every header that the public door looks at', () => {
    const files = ['services/ingest/src/door.ts', 'services/ingest/src/privacy/door.ts']
    const names = files.flatMap((file) =>
      [...read(file).matchAll(/\.header\('([^']+)'\)/g)].map(([, name]) => name as string),
    )
    expect(sorted(inventoried('header'))).toEqual(sorted(names))
  })

  it('says of every place that data lie in what for, and names no other', () => {
    expect(sorted(INVENTORY.flatMap(({ places }) => places))).toEqual(sorted(PLACES))
  })

  it('is the page that is kept beside it', () => {
    expect(read('libs/policy/INVENTORY.md')).toBe(inventoryMarkdown())
  })

  it('has no other lib that keeps or publishes something', () => {
    // A new topic or a new kind of store has to come with its part of the inventory.
    const topics = /TOPICS = \[([^\]]*)\]/.exec(read('libs/model/src/records.ts'))?.[1]?.match(/'(\w+)'/g)
    expect(topics).toEqual(["'matches'", "'transitions'", "'erasures'"])
    const ports = readdirSync(new URL('../../model/contract', import.meta.url)).sort()
    expect(ports).toEqual(['event-sink.ts', 'fence-feed.ts', 'fence-index.ts', 'presence-store.ts'])
  })
})
