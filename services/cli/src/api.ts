// The one way to a node: requests over HTTP, and what it refuses as something that a person can act on.
import { type IncomingMessage, request as overHttp } from 'node:http'
import { request as overHttps } from 'node:https'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Refusal, UsageError } from './command.ts'

export interface Call {
  readonly url: string
  readonly token: string | undefined
  readonly method?: 'GET' | 'POST' | 'DELETE'
  /** With its query, encoded. */
  readonly path: string
  readonly body?: { readonly type: string; readonly bytes: number; readonly from: Readable | string }
  /** Ms of silence after which the connection counts as dead. */
  readonly silenceMs?: number
  readonly signal?: AbortSignal
}

/** Longest line and longest answer that are read. */
const MAX_TEXT = 64 * 1024 * 1024

/** The node cannot be reached, or the connection broke. */
export class Unreachable extends Refusal {
  override name = 'Unreachable'
}

/**
 * Sends it and resolves with the answer, whatever its status; the body is still to be read.
 *
 * @throws UsageError the address is none
 * @throws Unreachable
 */
export function send(call: Call): Promise<IncomingMessage> {
  const { url, token, method = 'GET', path, body, silenceMs, signal } = call
  const base = baseOf(url)
  const headers: Record<string, string> = {
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    ...(body === undefined ? {} : { 'content-type': body.type, 'content-length': String(body.bytes) }),
  }
  return new Promise((resolve, reject) => {
    const outgoing = (base.protocol === 'https:' ? overHttps : overHttp)(
      {
        protocol: base.protocol,
        hostname: base.hostname.replace(/^\[|\]$/g, ''),
        port: base.port,
        path: base.pathname.replace(/\/$/, '') + path,
        method,
        headers,
        ...(signal === undefined ? {} : { signal }),
      },
      resolve,
    )
    const fail = (error: NodeJS.ErrnoException): void => reject(unreachable(url, error))
    outgoing.on('error', fail)
    if (silenceMs !== undefined)
      outgoing.setTimeout(silenceMs, () => outgoing.destroy(new Error(`nothing came for ${silenceMs / 1000} s`)))
    if (body === undefined || typeof body.from === 'string') outgoing.end(body?.from)
    // A node that answers before it has read everything is heard all the same: the answer comes first.
    else pipeline(body.from, outgoing).catch(fail)
  })
}

/** Sends it and reads the JSON of a good answer. @throws Refusal for any other */
export async function call<T>(what: Call): Promise<T> {
  return (await json(await good(await send(what)))) as T
}

/** The answer, if it is a good one. @throws Refusal */
export async function good(answer: IncomingMessage): Promise<IncomingMessage> {
  const { statusCode: status = 0 } = answer
  if (status >= 200 && status < 300) return answer
  throw refusalOf(status, await text(answer))
}

/** The whole of an answer. @throws Unreachable when it breaks off */
export async function text(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      bytes += chunk.length
      if (bytes > MAX_TEXT) throw new Refusal(`the answer is longer than ${MAX_TEXT} bytes; is --url a Fencepost?`)
      chunks.push(chunk)
    }
  } catch (error) {
    throw error instanceof Refusal ? error : brokenOff(error)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** Lines of an answer as they come. @throws Unreachable when it breaks off */
export async function* lines(answer: IncomingMessage): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      const parts = (rest + decoder.decode(chunk, { stream: true })).split('\n')
      rest = parts.pop() as string
      if (rest.length > MAX_TEXT) throw new Refusal(`a line is longer than ${MAX_TEXT} characters`)
      yield* parts
    }
  } catch (error) {
    throw error instanceof Refusal ? error : brokenOff(error)
  }
  if (rest !== '') yield rest
}

async function json(answer: IncomingMessage): Promise<unknown> {
  const body = await text(answer)
  try {
    return JSON.parse(body)
  } catch {
    throw new Refusal('the answer is not JSON; is --url the admin port of a Fencepost?')
  }
}

/** A refusal as its detail, its faults, and what to do. */
export function refusalOf(status: number, body: string): Refusal {
  let problem: Record<string, unknown> = {}
  try {
    problem = (JSON.parse(body) ?? {}) as Record<string, unknown>
  } catch {
    // Some proxy's page: the status has to do.
  }
  const said = problem['detail'] ?? problem['message'] ?? problem['title'] ?? `answered ${status}`
  const faults = [...listOf(problem['faults']), ...listOf(problem['errors'])].map(faultLine)
  const more = Number(problem['more_errors'] ?? 0)
  if (more > 0) faults.push(`and ${more} more`)
  const advice = ADVICE[status]
  return new Refusal(String(said), {
    lines: [...faults, ...(advice === undefined ? [] : [advice])],
    answer: Object.keys(problem).length === 0 ? { status } : problem,
  })
}

const ADVICE: Readonly<Record<number, string>> = {
  401: 'give a token with --token or FENCEPOST_ADMIN_TOKEN',
  403: 'use a token of a higher role, or of this tenant',
  404: 'look at the id and the tenant, and whether --url is the admin port',
  410: 'leave out --after to begin at the oldest',
  413: 'split the file and import its parts',
  503: 'try again in a moment; /readyz of the admin port says what is missing',
}

function listOf(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? (value as Record<string, unknown>[]) : []
}

/** `row 3 (id "x"): message, at polygon 0`. */
export function faultLine(fault: Readonly<Record<string, unknown>>): string {
  const { row, id, code, message, place } = fault
  const where = row === undefined ? '' : `row ${row}${id === null ? '' : ` (id ${JSON.stringify(id)})`}: `
  const at = place === undefined ? '' : ` [${place}]`
  return `  ${where}${message ?? code}${code === undefined ? '' : ` (${code})`}${at}`
}

function baseOf(url: string): URL {
  const base = URL.canParse(url) ? new URL(url) : null
  if (base === null || !/^https?:$/.test(base.protocol) || base.search !== '' || base.username !== '')
    throw new UsageError('the address must be like http://127.0.0.1:8081, without a query or a name in it')
  return base
}

function unreachable(url: string, error: NodeJS.ErrnoException): Unreachable {
  return new Unreachable(`cannot talk to ${url}: ${error.code ?? error.message}`, {
    lines: ['is it running, and is this the right port? (--url: admin port; --door: public port)'],
  })
}

function brokenOff(error: unknown): Unreachable {
  return new Unreachable(`the answer broke off: ${error instanceof Error ? error.message : String(error)}`)
}
