// GET /v1/events: the journal read back as NDJSON, so that a consumer can be written before there is a Kafka.

import { type Journal, parseCursor } from '@fencepost/embedded'
import { answerJson } from '@fencepost/ingest'
import { type ContentType, TOPICS, type Topic } from '@fencepost/model'
import type { BodyStream, Exchange } from '@fencepost/server'
import { decodeEvent } from '@fencepost/wire'

const DEFAULT_LIMIT = 1000
const MAX_LIMIT = 10_000
/** Records read and written at a time while streaming, so that one reader holds little memory. */
const PAGE = 500
/** A line of its own this often while there is nothing to follow, so that both ends know the connection lives. */
const HEARTBEAT_MS = 5000
/** Readers that follow at once; one more is refused. */
const MAX_FOLLOWERS = 64

/** The handler of `GET /v1/events?topic=&after=&limit=&follow=`. `names` are the topics' full names. */
export function createEventsRoute(
  journal: Journal,
  names: Readonly<Record<Topic, string>>,
): (exchange: Exchange) => void {
  let followers = 0
  return function onEvents(exchange) {
    const query = parseQuery(exchange, names)
    if (typeof query === 'string') return answerJson(exchange, 400, { error: 'bad_query', message: query })
    const first = journal.read(query.topic, query.after, Math.min(PAGE, query.limit))
    if (first.gone)
      return answerJson(exchange, 410, {
        error: 'cursor_gone',
        message: 'what followed this cursor is past retention; leave out `after` to begin at the oldest event',
      })
    if (query.follow && followers >= MAX_FOLLOWERS)
      return answerJson(exchange, 503, { error: 'overloaded', message: `${MAX_FOLLOWERS} readers follow already` })

    const stream = exchange.stream(200, 'application/x-ndjson')
    if (query.follow) followers++
    const done = new AbortController()
    stream.onAborted(() => done.abort())
    pump(journal, query, stream, done.signal).finally(() => {
      if (query.follow) followers--
      stream.end()
    })
  }
}

interface EventsQuery {
  readonly topic: Topic
  readonly after: number | null
  readonly limit: number
  readonly follow: boolean
}

function parseQuery(exchange: Exchange, names: Readonly<Record<Topic, string>>): EventsQuery | string {
  const name = exchange.query('topic') ?? 'matches'
  const topic = TOPICS.find((short) => short === name || names[short] === name)
  if (topic === undefined) return `topic must be one of ${TOPICS.join(', ')}`
  const cursor = exchange.query('after') ?? ''
  const after = cursor === '' ? null : parseCursor(cursor)
  if (after === undefined) return 'after must be a cursor that an earlier answer gave'
  const following = exchange.query('follow') ?? ''
  if (!['', '0', '1', 'true', 'false'].includes(following)) return 'follow must be true or false'
  const follow = following === '1' || following === 'true'
  const limit = exchange.query('limit') ?? ''
  // Whoever follows stays until they leave, unless they said how much they want.
  if (limit === '')
    return {
      topic,
      after,
      limit: follow ? Number.POSITIVE_INFINITY : DEFAULT_LIMIT,
      follow,
    }
  if (!/^\d{1,5}$/.test(limit) || Number(limit) < 1 || Number(limit) > MAX_LIMIT) return `limit must be 1..${MAX_LIMIT}`
  return { topic, after, limit: Number(limit), follow }
}

/** Writes pages until the limit or, when following, until the reader leaves. */
async function pump(journal: Journal, query: EventsQuery, stream: BodyStream, done: AbortSignal): Promise<void> {
  let { after } = query
  let left = query.limit
  while (!done.aborted && left > 0) {
    const { records, gone } = journal.read(query.topic, after, Math.min(PAGE, left))
    if (gone) {
      // Retention has overtaken a reader that was too slow.
      stream.write(`${JSON.stringify({ error: 'cursor_gone' })}\n`)
      return
    }
    if (records.length === 0) {
      if (!query.follow) return
      if (await quiet(journal, done)) stream.write(`${JSON.stringify({ heartbeat: Date.now() })}\n`)
      continue
    }
    let page = ''
    for (const { cursor, record } of records) {
      const { topic, key, headers, value } = record
      page += `${JSON.stringify({ cursor, topic, key, headers, value: decodeEvent(value, contentTypeOf(headers)) })}\n`
    }
    after = Number((records.at(-1) as { cursor: string }).cursor)
    left -= records.length
    if (!stream.write(page)) await new Promise<void>((resolve) => writable(stream, done, resolve))
  }
}

function contentTypeOf(headers: Readonly<Record<string, string>>): ContentType {
  return headers['content-type'] === 'application/msgpack' ? 'application/msgpack' : 'application/json'
}

/** Resolves at the next append (false), or after HEARTBEAT_MS without one (true). */
function quiet(journal: Journal, done: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const settle = (silent: boolean): void => {
      clearTimeout(timer)
      stopListening()
      done.removeEventListener('abort', onAbort)
      resolve(silent)
    }
    const onAbort = (): void => settle(false)
    const timer = setTimeout(() => settle(true), HEARTBEAT_MS)
    const stopListening = journal.onAppend(() => settle(false))
    done.addEventListener('abort', onAbort)
  })
}

function writable(stream: BodyStream, done: AbortSignal, resolve: () => void): void {
  done.addEventListener('abort', resolve, { once: true })
  stream.onWritable(() => {
    done.removeEventListener('abort', resolve)
    resolve()
  })
}
