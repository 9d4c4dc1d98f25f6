// GET /v1/events: the journal read back as NDJSON, so that a consumer can be written before there is a Kafka.
import { type CursorRecord, type Journal, parseCursor } from '@fencepost/embedded'
import { answerJson } from '@fencepost/ingest'
import { type ContentType, type Logger, TOPICS, type Topic } from '@fencepost/model'
import type { BodyStream, Exchange } from '@fencepost/server'
import { decodeEvent } from '@fencepost/wire'

const DEFAULT_LIMIT = 1000
const MAX_LIMIT = 10_000
/** Records read and written at a time while streaming, so that one reader holds little memory. */
const PAGE = 500
/** Bytes of one write. A page may be megabytes, and the server closes a stream behind which more than one of them waits. */
const PIECE_BYTES = 64 * 1024
/** A line of its own this often while there is nothing to follow, so that both ends know the connection lives. */
const HEARTBEAT_MS = 5000
/** Readers that follow at once; one more is refused. */
const MAX_FOLLOWERS = 64

export interface EventsRouteParts {
  readonly journal: Pick<Journal, 'read' | 'onAppend'>
  /** The topics' full names. */
  readonly names: Readonly<Record<Topic, string>>
  /** The pseudonym that an erasure is about by its key: it is kept without it. Null = the key is one. */
  readonly pseudonymOf: (key: string) => string | null
  readonly logger: Logger
  /** Default HEARTBEAT_MS. */
  readonly heartbeatMs?: number
}

/** The handler of `GET /v1/events?topic=&after=&limit=&follow=`. */
export function createEventsRoute(parts: EventsRouteParts): (exchange: Exchange) => void {
  const { journal, names, logger, heartbeatMs = HEARTBEAT_MS } = parts
  let followers = 0
  return function onEvents(exchange) {
    const query = parseQuery(exchange, names)
    if (typeof query === 'string') return answerJson(exchange, 400, { error: 'bad_query', message: query })
    const first = journal.read(query.topic, query.after, 1)
    if (first.gone) return answerJson(exchange, 410, CURSOR_GONE)
    if (query.follow && followers >= MAX_FOLLOWERS)
      return answerJson(exchange, 503, { error: 'overloaded', message: `${MAX_FOLLOWERS} readers follow already` })

    const stream = exchange.stream(200, 'application/x-ndjson')
    if (query.follow) followers++
    const done = new AbortController()
    stream.onAborted(() => done.abort())
    const lineOf = (record: CursorRecord): string => lineFor(record, parts.pseudonymOf)
    pump({ journal, lineOf, query, stream, done: done.signal, heartbeatMs })
      .catch((error: unknown) => {
        logger.error(
          { error: error instanceof Error ? error.message : String(error) },
          'a reader of events was cut off',
        )
        // A reader must not take what it got for the whole.
        stream.write(line({ error: 'internal', message: 'the events could not be read; go on after the last cursor' }))
      })
      .finally(() => {
        if (query.follow) followers--
        stream.end()
      })
  }
}

const CURSOR_GONE = {
  error: 'cursor_gone',
  message: 'what followed this cursor is past retention; leave out `after` to begin at the oldest event',
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

interface Reading {
  readonly journal: Pick<Journal, 'read' | 'onAppend'>
  readonly lineOf: (record: CursorRecord) => string
  readonly query: EventsQuery
  readonly stream: BodyStream
  /** Aborted when the reader has gone or the node stops. */
  readonly done: AbortSignal
  readonly heartbeatMs: number
}

/** Writes pages until the limit or, when following, until the reader leaves. */
async function pump(reading: Reading): Promise<void> {
  const { journal, lineOf, query, stream, done, heartbeatMs } = reading
  let { after } = query
  let left = query.limit
  let begun = false
  // An answer to HEAD is closed from the beginning, and nobody aborts it.
  while (!stream.closed && left > 0) {
    const { records, gone } = journal.read(query.topic, after, Math.min(PAGE, left))
    if (gone) {
      // Retention has overtaken a reader that was too slow.
      stream.write(line(CURSOR_GONE))
      return
    }
    if (records.length === 0) {
      if (!query.follow) return
      // The head of the answer leaves with its first line: whoever waits for events must not have to wait for that too.
      if (!begun || (await quiet(journal, done, heartbeatMs))) stream.write(line({ heartbeat: Date.now() }))
      begun = true
      continue
    }
    begun = true
    await send(stream, Buffer.from(records.map(lineOf).join('')), done)
    after = Number((records.at(-1) as CursorRecord).cursor)
    left -= records.length
    // A reader that keeps up would otherwise hold the thread, and with it the public port, until it has everything.
    await new Promise<void>((resolve) => setImmediate(resolve))
  }
}

function lineFor(
  { cursor, record: { topic, key, headers, value } }: CursorRecord,
  pseudonymOf: EventsRouteParts['pseudonymOf'],
): string {
  const event = decodeEvent(value, contentTypeOf(headers))
  // Kept by its subject, so that the journal does not hold the pseudonym of whom it has erased; consumers know only that.
  const device = topic === 'erasures' ? pseudonymOf(key) : null
  if (device === null) return line({ cursor, topic, key, headers, value: event })
  return line({ cursor, topic, key: device, headers, value: { ...(event as object), device } })
}

function line(value: unknown): string {
  return `${JSON.stringify(value)}\n`
}

/** Writes in pieces, and waits for a slow reader after each: what waits in memory for one reader is a page and a piece. */
async function send(stream: BodyStream, page: Buffer, done: AbortSignal): Promise<void> {
  for (let at = 0; at < page.length && !stream.closed; at += PIECE_BYTES)
    if (!stream.write(page.subarray(at, at + PIECE_BYTES))) await writable(stream, done)
}

function contentTypeOf(headers: Readonly<Record<string, string>>): ContentType {
  return headers['content-type'] === 'application/msgpack' ? 'application/msgpack' : 'application/json'
}

/** Resolves at the next append (false), or after `heartbeatMs` without one (true). */
function quiet(journal: Reading['journal'], done: AbortSignal, heartbeatMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const settle = (silent: boolean): void => {
      clearTimeout(timer)
      stopListening()
      done.removeEventListener('abort', onAbort)
      resolve(silent)
    }
    const onAbort = (): void => settle(false)
    const timer = setTimeout(() => settle(true), heartbeatMs)
    const stopListening = journal.onAppend(() => settle(false))
    done.addEventListener('abort', onAbort)
  })
}

/** Resolves when a slow reader has caught up, or has gone. */
function writable(stream: BodyStream, done: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    // A write can itself be what closes the stream; nobody would tell us again.
    if (stream.closed) return resolve()
    const settle = (): void => {
      done.removeEventListener('abort', settle)
      resolve()
    }
    done.addEventListener('abort', settle)
    stream.onWritable(settle)
  })
}
