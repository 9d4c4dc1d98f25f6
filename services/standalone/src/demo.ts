// `--demo`: settings for a first look, a small fleet through the public door, and its first events as they come out.
import { rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Environment } from '@fencepost/runtime'
import { fleetBatches } from './fleet.ts'

export const DEMO_KEY = 'demo-key-for-this-machine-only'

const PHONES = 14
const ROUNDS = 6
const SHOWN_EVENTS = 12

/** The demo's own data folder, begun anew each time. */
const DEMO_DATA_DIR = '.fencepost/demo'

/** Settings of the demo; whatever the environment sets itself stays. */
export function demoEnvironment(env: Environment): Environment {
  if (env['FENCEPOST_DATA_DIR'] === undefined) rmSync(DEMO_DATA_DIR, { recursive: true, force: true })
  return {
    FENCEPOST_HOST: '127.0.0.1', // the demo key is public
    FENCEPOST_FENCES: fileURLToPath(new URL('../demo/fences.geojson', import.meta.url)),
    FENCEPOST_SDK_KEYS: `demo:${DEMO_KEY}`,
    FENCEPOST_DATA_DIR: DEMO_DATA_DIR,
    FENCEPOST_EVENT_COORDINATES: 'exact',
    FENCEPOST_LOG_LEVEL: 'warn',
    ...env,
  }
}

/** Sends the fleet, shows its first events and what to try next. */
export async function runDemo(
  listening: { port: number; adminPort: number },
  key: string,
  dataDir: string,
): Promise<void> {
  const door = `http://127.0.0.1:${listening.port}`
  const admin = `http://127.0.0.1:${listening.adminPort}`
  say(`Fencepost is up. ${PHONES} demo phones are walking through ${door}/v1/pings …\n`)
  const totals = { pings: 0, matched: 0 }
  let sent = false
  const shown = showEvents(`${admin}/v1/events?follow=true`, () => sent)
  for (const batch of fleetBatches({ phones: PHONES, rounds: ROUNDS, seed: 20, now: Date.now() })) {
    const answer = await fetch(`${door}/v1/pings`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify(batch),
    })
    if (!answer.ok) throw new Error(`the demo's batch was answered ${answer.status}: ${await answer.text()}`)
    const { accepted, matched } = (await answer.json()) as { accepted: number; matched: number }
    totals.pings += accepted
    totals.matched += matched
  }
  sent = true
  await shown
  say(`\n${totals.pings} pings sent, ${totals.matched} of them in a fence.\n`)
  say(`  pings    ${door}/v1/pings        key: ${key}`)
  say(`  events   ${admin}/v1/events?follow=true`)
  say(`  metrics  ${admin}/metrics        health: ${admin}/readyz`)
  say(`  data     ${dataDir}\n`)
  say('Try one yourself; it stands in the market hall:\n')
  say(`  curl -s ${door}/v1/pings -H 'authorization: Bearer ${key}' -H 'content-type: application/json' \\`)
  say(
    `    -d '{"v":1,"device":"my-phone","sent":'$(date +%s000)',"consent":true,"pings":[{"type":"location","age":0,"lat":53.5511,"lon":9.9935}]}'`,
  )
  say(`  curl -s '${admin}/v1/events?limit=10000' | tail -n 1\n`)
  say('Ctrl-C stops it.')
}

/** Prints the first events of a stream; stops early when all is sent and nothing more comes. */
async function showEvents(url: string, allSent: () => boolean): Promise<void> {
  const abort = new AbortController()
  const response = await fetch(url, { signal: abort.signal })
  if (!response.ok || response.body === null) throw new Error(`${url} was answered ${response.status}`)
  let shown = 0
  let rest = ''
  const decoder = new TextDecoder()
  for await (const chunk of response.body) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      const { value } = JSON.parse(line) as { value?: DemoEvent }
      if (value !== undefined && shown++ < SHOWN_EVENTS) say(`  ${describe(value)}`)
    }
    if (shown >= SHOWN_EVENTS || allSent()) break
  }
  abort.abort()
}

interface DemoEvent {
  readonly at: number
  readonly device: string
  readonly type: string
  readonly fences: readonly { readonly id: string; readonly campaigns: readonly string[] }[]
}

function describe({ at, device, type, fences }: DemoEvent): string {
  const where = fences
    .map(({ id, campaigns }) => (campaigns.length === 0 ? id : `${id} (${campaigns.join(', ')})`))
    .join(' + ')
  return `${new Date(at).toISOString().slice(11, 19)}  ${device}  ${type.padEnd(8)}  ${where}`
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
