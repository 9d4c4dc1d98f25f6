// The table of routes is the API: what is in it is served, guarded, bounded and described in the OpenAPI document.
import type { Logger } from '@fencepost/model'
import type { Exchange, HttpServer, Method } from '@fencepost/server'
import { type Access, allows, hasRole, type Principal, type Role } from './access.ts'
import { answerProblem, Problem, type ProblemCode } from './problem.ts'
import { problemOf } from './writer.ts'

export interface Request {
  /** `:params` of the path, by name. */
  readonly params: Readonly<Record<string, string>>
  readonly query: Readonly<Record<string, string | undefined>>
  readonly ifMatch: string
  readonly ifNoneMatch: string
  readonly body: Uint8Array
  readonly principal: Principal
}

export type Answer =
  | { readonly status: number; readonly json: unknown; readonly etag?: string }
  /** Lines as they come. */
  | { readonly lines: AsyncIterable<string>; readonly contentType: string }
  | { readonly status: number; readonly text: string; readonly contentType: string }

export interface Route {
  readonly method: Method
  /** As the server takes it: literal segments and `:params`. */
  readonly path: string
  /** Least role for the tenant of the path (`:tenant`), or for all tenants where it names none; `anybody` needs no token, `known` any. */
  readonly role: Role | 'anybody' | 'known'
  /** The handler itself looks which tenant it is: the path does not say. */
  readonly tenantIn?: 'body'
  readonly summary: string
  readonly query?: Readonly<Record<string, string>>
  /** Media type of the body, and most bytes of it; absent = it takes none. */
  readonly body?: { readonly type: string; readonly maxBytes: number; readonly timeoutMs?: number }
  /** Statuses of good answers. */
  readonly answers: readonly number[]
  readonly problems: readonly ProblemCode[]
  readonly handle: (request: Request) => Promise<Answer>
}

const BODY_TIMEOUT_MS = 30_000

/** Registers the routes. */
export function serveRoutes(server: HttpServer, routes: readonly Route[], access: Access, logger: Logger): void {
  for (const route of routes)
    server.route(route.method, route.path, (exchange) => serve(exchange, route, access, logger))
}

function serve(exchange: Exchange, route: Route, access: Access, logger: Logger): void {
  exchange.onAborted(() => {})
  const names = [...route.path.matchAll(/:(\w+)(?=\/|$)/g)].map(([, name]) => name as string)
  const params: Record<string, string> = {}
  try {
    names.forEach((name, i) => {
      params[name] = decodeURIComponent(exchange.parameter(i))
    })
  } catch {
    return answerProblem(exchange, new Problem('not_found', 'the path is not well-formed'))
  }
  const query = Object.fromEntries(Object.keys(route.query ?? {}).map((name) => [name, exchange.query(name)]))
  const head = { params, query, ifMatch: exchange.header('if-match'), ifNoneMatch: exchange.header('if-none-match') }
  // Who it is takes no time but for the first look after a change: the body is read meanwhile, and thrown away if they may not.
  const allowed = admit(exchange.header('authorization'), params['tenant'] ?? null, route, access)
  allowed.catch(() => {})

  const run = (body: Uint8Array): void => {
    allowed
      .then((principal) => route.handle({ ...head, body, principal }))
      .then((answer) => send(exchange, answer, logger))
      .catch((error: unknown) => {
        const problem = problemOf(error)
        if (problem === null) logger.error({ error: textOf(error), route: route.path }, 'a request to control failed')
        answerProblem(exchange, problem ?? new Problem('internal'))
      })
  }
  if (route.body === undefined) return run(NOTHING)
  const { maxBytes, timeoutMs = BODY_TIMEOUT_MS } = route.body
  exchange.readBody(
    { declared: exchange.contentLength(), maxBytes, timeoutMs, reservation: null },
    (body) => run(body.slice()),
    (failure) => {
      if (failure === 'body_too_large')
        answerProblem(exchange, new Problem('body_too_large', `at most ${maxBytes} bytes`))
      else if (failure !== 'aborted') answerProblem(exchange, new Problem('body_timeout'))
    },
  )
}

const NOTHING = new Uint8Array(0)
const PRIVACY_ONLY = 'this takes a token with the role privacy, which POST /v1/tokens makes'
const NOBODY: Principal = { name: 'nobody', role: 'viewer', tenant: '' }

async function admit(
  authorization: string,
  tenant: string | null,
  { role, tenantIn }: Route,
  access: Access,
): Promise<Principal> {
  if (role === 'anybody') return NOBODY
  const principal = await access.find(authorization)
  if (principal === null) throw new Problem('unauthorized')
  if (role === 'known') return principal
  const isAllowed = tenantIn === 'body' ? hasRole(principal, role) : allows(principal, role, tenant)
  if (!isAllowed) throw new Problem('forbidden', role === 'privacy' ? PRIVACY_ONLY : undefined)
  return principal
}

async function send(exchange: Exchange, answer: Answer, logger: Logger): Promise<void> {
  if ('json' in answer) {
    const headers = answer.etag === undefined ? [] : [['etag', answer.etag] as const]
    exchange.answer(answer.status, 'application/json', `${JSON.stringify(answer.json)}\n`, headers)
    return
  }
  if ('text' in answer) return exchange.answer(answer.status, answer.contentType, answer.text)
  const stream = exchange.stream(200, answer.contentType)
  let goOn: () => void = () => {}
  stream.onWritable(() => goOn())
  stream.onAborted(() => goOn())
  try {
    for await (const line of answer.lines) {
      if (stream.closed) break
      const slow = new Promise<void>((resolve) => {
        goOn = resolve
      })
      if (!stream.write(line) && !stream.closed) await slow
    }
  } catch (error) {
    // Whoever reads must not take what it got for the whole: the last line says that it is not.
    logger.error({ error: textOf(error) }, 'an export was cut off')
    stream.write(`${JSON.stringify({ error: 'unavailable' })}\n`)
  }
  stream.end()
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
