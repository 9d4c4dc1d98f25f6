// `tail`: the events of a standalone as they come; a connection that breaks is opened again after the last cursor.
import { setTimeout as delay } from 'node:timers/promises'
import { good, lines, send, Unreachable } from '../api.ts'
import { type Command, type Context, Refusal } from '../command.ts'

/** The node says something at least every 5 s. */
const SILENCE_MS = 20_000
const FIRST_WAIT_MS = 250
const LONGEST_WAIT_MS = 5000

interface Line {
  readonly cursor?: string
  readonly value?: Readonly<Record<string, unknown>>
  readonly error?: string
  readonly message?: string
}

export const tail: Command = {
  name: 'tail',
  summary: 'Follows the events in the journal of a standalone, until Ctrl-C',
  options: {
    topic: { value: 'TOPIC', help: 'matches (default) or transitions' },
    after: { value: 'CURSOR', help: 'goes on after this event; default: from the oldest' },
  },
  notes: ['With --json: one {cursor, topic, key, headers, value} a line.'],
  async run(context) {
    const { io, values } = context
    const topic = values.choice('topic', ['matches', 'transitions'])
    const place = { cursor: values.text('after') ?? '', connected: false, waitMs: FIRST_WAIT_MS }
    while (!io.ended.aborted) {
      try {
        await follow(context, topic, place)
      } catch (error) {
        if (io.ended.aborted) break
        // A wrong address is told at once; a node that was there comes back.
        if (!(error instanceof Unreachable) || !place.connected) throw error
        io.err(`${error.message}; trying again`)
      }
      await delay(place.waitMs, undefined, { signal: io.ended }).catch(() => {})
      place.waitMs = Math.min(LONGEST_WAIT_MS, place.waitMs * 2)
    }
    if (place.cursor !== '') io.err(`to go on: --after ${place.cursor}`)
  },
}

interface Place {
  cursor: string
  connected: boolean
  waitMs: number
}

/** Prints what comes over one connection. Returns when the node ends it. */
async function follow({ url, token, json, io }: Context, topic: string, place: Place): Promise<void> {
  const path = `/v1/events?topic=${topic}&follow=true&after=${encodeURIComponent(place.cursor)}`
  const answer = await send({ url, token, path, silenceMs: SILENCE_MS, signal: io.ended })
  if (place.connected && answer.statusCode === 503) {
    answer.resume()
    throw new Unreachable('the node has no room for this reader')
  }
  for await (const text of lines(await good(answer))) {
    if (text === '') continue
    const line = JSON.parse(text) as Line
    place.connected = true
    place.waitMs = FIRST_WAIT_MS
    if (line.error === 'cursor_gone') throw new Refusal(line.message ?? line.error)
    if (line.error !== undefined) throw new Unreachable(line.message ?? line.error)
    if (line.cursor === undefined || line.value === undefined) continue
    await io.out(json ? text : describe(line.cursor, line.value))
    place.cursor = line.cursor
  }
}

interface EventValue {
  readonly at?: number
  readonly device?: string
  readonly type?: string
  readonly kind?: string
  readonly fence?: { readonly id: string }
  readonly fences?: readonly { readonly id: string; readonly campaigns: readonly string[] }[]
  readonly campaigns?: readonly string[]
}

function describe(cursor: string, value: EventValue): string {
  const { at = 0, device = '', type = '', kind, fence, fences = [], campaigns } = value
  const ids = fence === undefined ? fences.map(({ id }) => id) : [fence.id]
  const running = campaigns ?? [...new Set(fences.flatMap((one) => one.campaigns))]
  const run = running.length === 0 ? '' : `  (${running.join(', ')})`
  return `${cursor}  ${new Date(at).toISOString()}  ${(kind ?? type).padEnd(8)}  ${device}  ${ids.join(' + ')}${run}`
}
