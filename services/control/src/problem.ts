// Everything that a request can be refused for, as RFC 9457 problem documents: one row a kind.
import type { Exchange } from '@fencepost/server'

export const PROBLEMS = {
  bad_query: { status: 400, title: 'a query parameter cannot be read' },
  bad_body: { status: 400, title: 'the body is not the JSON that this route takes' },
  unauthorized: {
    status: 401,
    title: 'send authorization: Bearer <admin token> with a token that is known and has not expired',
  },
  forbidden: { status: 403, title: 'the token may not do this' },
  not_found: { status: 404, title: 'there is no such thing' },
  fences_from_file: {
    status: 409,
    title: 'this node takes its fences from FENCEPOST_FENCES; unset it to change fences here',
  },
  busy: { status: 409, title: 'another import is under way; try again when it has ended' },
  precondition_failed: { status: 412, title: 'it has changed since, or is there already; read it again' },
  body_too_large: { status: 413, title: 'the body is larger than this route takes' },
  invalid: { status: 422, title: 'it can be read and is not valid' },
  body_timeout: { status: 408, title: 'the body did not arrive in time' },
  unavailable: { status: 503, title: 'the feed cannot be written or read now; nothing was changed' },
  internal: { status: 500, title: 'a fault of ours; look into the log' },
} as const

export type ProblemCode = keyof typeof PROBLEMS

/** Thrown by handlers; becomes the answer. */
export class Problem extends Error {
  readonly code: ProblemCode
  readonly more: Readonly<Record<string, unknown>>

  constructor(code: ProblemCode, detail: string = PROBLEMS[code].title, more: Readonly<Record<string, unknown>> = {}) {
    super(detail)
    this.name = 'Problem'
    this.code = code
    this.more = more
  }
}

/** What is wrong with a document, and where. */
export interface Fault {
  readonly code: string
  readonly message: string
  readonly place?: string
}

export function answerProblem(exchange: Exchange, { code, message, more }: Problem): void {
  const { status, title } = PROBLEMS[code]
  const document = { type: `urn:fencepost:problem:${code}`, title, status, detail: message, ...more }
  const headers = status === 503 || code === 'busy' ? [['retry-after', '1'] as const] : []
  exchange.answer(status, 'application/problem+json', `${JSON.stringify(document)}\n`, headers)
}
