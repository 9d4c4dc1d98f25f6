// Routes, listening and stopping. `Connection: close` on every answer is how connections end once the server is closing.
import { createServer } from 'node:net'
import type { Logger } from '@fencepost/model'
import { type Handler, LiveExchange, type Shared } from './exchange.ts'
import { FaultLog } from './fault-log.ts'
import {
  closeListenSocket,
  EXCLUSIVE_PORT,
  type HttpRequest,
  type HttpResponse,
  localPort,
  type NativeApp,
  nativeApp,
  SHARED_PORT,
  type us_listen_socket,
} from './native.ts'
import { OpenBodies } from './open-bodies.ts'
import { JSON_TYPE, refusalBody } from './status.ts'
import { checkTls, type TlsFiles } from './tls.ts'

export type Method = 'get' | 'post' | 'put' | 'delete' | 'options'

export interface HttpServerOptions {
  host: string
  /** 0 = any free port. */
  port: number
  /** Which server this is, for logs and errors: `public`, `admin`. */
  name: string
  logger: Logger
  /** Absent = plain HTTP. The files are read when it starts; others that take their place need a new start. */
  tls?: TlsFiles
  /** Bodies in collection at once, whatever their size; the next one is shed. Each costs about 1 KiB beside its bytes. */
  maxOpenBodies?: number
  /** Connections at once; the next one is closed. Stay below the limit of open files: the store and the broker need some too. */
  maxConnections?: number
  /** Told of every exception in a route handler, with the error itself (the log has only its kind and place). */
  onError?: (error: unknown) => void
}

/** Plain integers, copied at scrape time. Those named `open…` and `connections` go down too. */
export interface HttpCounters {
  connections: number
  connectionsAccepted: number
  connectionsRefused: number
  requests: number
  /** Requests whose answer is not given yet, streams included. */
  open: number
  aborted: number
  bodyTimeouts: number
  bodiesShed: number
  bodiesTooLarge: number
  notFound: number
  methodNotAllowed: number
  faults: number
}

/** No requests yet, and the shape of what they are counted in. */
export function createHttpCounters(): HttpCounters {
  return {
    connections: 0,
    connectionsAccepted: 0,
    connectionsRefused: 0,
    requests: 0,
    open: 0,
    aborted: 0,
    bodyTimeouts: 0,
    bodiesShed: 0,
    bodiesTooLarge: 0,
    notFound: 0,
    methodNotAllowed: 0,
    faults: 0,
  }
}

/**
 * A port for several threads of this process, between which the kernel spreads connections (SO_REUSEPORT). `first` makes sure
 * that no other process has it, or takes any free one for port 0, and then shares it; `join` shares the one that `first` gave.
 */
export interface SharedPort {
  readonly port: number
  readonly share: 'first' | 'join'
}

export interface HttpServer {
  /**
   * Before `start`. A path is literal segments and `:params`; `get` serves HEAD too.
   * @throws Error when the path is malformed, the route exists or the server was started
   */
  route(method: Method, path: string, handler: Handler): void
  /**
   * Listens on the port of the options, held by nobody else, or on a shared one.
   * @throws Error naming host and port when it cannot listen there, and the file when TLS cannot be had
   */
  start(shared?: SharedPort): Promise<{ port: number }>
  /** Stops accepting; every answer from now on closes its connection. */
  pauseListening(): void
  /** Stops accepting, waits for open answers until the deadline, then closes what is left. Idempotent, safe before `start`. */
  stop(deadlineMs: number): Promise<void>
  /**
   * Closes everything at once, answered or not, without waiting for a turn of the loop: a thread that ends with an open connection
   * takes the process with it. Not from inside a handler. Idempotent, safe before `start` and after `stop`.
   */
  abandon(): void
  readonly counters: Readonly<HttpCounters>
  /** When its certificate ends, epoch ms; null = it has none, or has not started. */
  readonly certificateExpiresMs: number | null
  /** Bodies in collection now. */
  openBodies(): number
}

const PATH = /^(\/(:?[A-Za-z0-9._~-]+|[a-z]+:[a-z]+)?)+$/

export function createHttpServer(options: HttpServerOptions): HttpServer {
  return new UwsServer(options)
}

class UwsServer implements HttpServer, Shared {
  readonly #options: HttpServerOptions
  readonly #maxConnections: number
  readonly #routes: Map<string, Map<Method, Handler>> = new Map()
  readonly faults: FaultLog
  readonly bodies: OpenBodies
  readonly streams: Shared['streams'] = new Set()
  closing = false
  certificateExpiresMs: number | null = null
  readonly counters: HttpCounters = createHttpCounters()
  #app: NativeApp | null = null
  #listening: us_listen_socket | null = null
  #stopped: Promise<void> | null = null
  #closed = false
  #drained: (() => void) | null = null

  constructor(options: HttpServerOptions) {
    const { maxOpenBodies = 16_384, maxConnections = 50_000 } = options
    this.#options = options
    this.#maxConnections = maxConnections
    this.faults = new FaultLog(options.name, options.logger, options.onError ?? null)
    this.bodies = new OpenBodies(maxOpenBodies)
  }

  openBodies(): number {
    return this.bodies.size
  }

  route(method: Method, path: string, handler: Handler): void {
    if (this.#app !== null) throw new Error(`route ${method} ${path} comes after start`)
    if (!PATH.test(path)) throw new Error(`a route is literal segments and :params, got "${path}"`)
    const methods = this.#routes.get(path) ?? new Map<Method, Handler>()
    if (methods.has(method)) throw new Error(`route ${method} ${path} exists`)
    methods.set(method, handler)
    this.#routes.set(path, methods)
  }

  async start(shared?: SharedPort): Promise<{ port: number }> {
    const { host, name } = this.#options
    const port = shared?.port ?? this.#options.port
    if (this.#app !== null || this.#stopped !== null) throw new Error(`the ${name} server was started before`)
    const { tls = null } = this.#options
    if (tls !== null) this.#lookAt(checkTls(tls))
    const app = nativeApp(tls)
    this.#app = app
    this.#register(app)
    const socket = shared === undefined ? listen(app, host, port, EXCLUSIVE_PORT) : listenShared(app, host, shared)
    if (socket === false) {
      app.close()
      throw new Error(`the ${name} server cannot listen on ${host}:${port}: ${await whyNot(host, port)}`)
    }
    this.#listening = socket
    return { port: localPort(socket) }
  }

  #lookAt(expiresMs: number): void {
    const { name, logger } = this.#options
    this.certificateExpiresMs = expiresMs
    const expires = new Date(expiresMs).toISOString()
    if (expiresMs < Date.now())
      logger.error({ server: name, expires }, 'the certificate has ended: clients will not connect')
    else logger.info({ server: name, expires }, 'serving over TLS')
  }

  pauseListening(): void {
    this.closing = true
    if (this.#listening === null) return
    closeListenSocket(this.#listening)
    this.#listening = null
  }

  stop(deadlineMs: number): Promise<void> {
    this.#stopped ??= this.#stop(deadlineMs)
    return this.#stopped
  }

  settled(): void {
    if (this.#drained !== null && this.counters.open === 0) this.#drained()
  }

  async #stop(deadlineMs: number): Promise<void> {
    this.pauseListening()
    for (const stream of [...this.streams]) stream.cutShort()
    if (this.counters.open > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, deadlineMs)
        this.#drained = () => {
          clearTimeout(timer)
          resolve()
        }
      })
      this.#drained = null
    }
    // The last answer may still be corked: its callback is further up the stack, and closing now would lose it.
    await new Promise((resolve) => setImmediate(resolve))
    this.abandon()
  }

  abandon(): void {
    this.#stopped ??= Promise.resolve()
    if (this.#closed) return
    this.#closed = true
    this.pauseListening()
    this.#app?.close()
    this.bodies.stop()
    this.faults.stop()
  }

  #register(app: NativeApp): void {
    app.filter((res, change) => this.#connection(res, change))
    for (const [path, methods] of this.#routes) {
      for (const [method, handler] of methods) {
        app[method === 'delete' ? 'del' : method](path, (res, req) => this.#serve(res, req, false, handler))
        if (method === 'get') app.head(path, (res, req) => this.#serve(res, req, true, handler))
      }
      const allow = allowed([...methods.keys()])
      app.any(path, (res, req) => {
        this.counters.methodNotAllowed++
        this.#serve(res, req, req.getMethod() === 'head', (exchange) =>
          exchange.answer(405, JSON_TYPE, METHOD_NOT_ALLOWED, [['allow', allow]]),
        )
      })
    }
    // Without it an unknown path closes the connection and says nothing.
    app.any('/*', (res, req) => {
      this.counters.notFound++
      this.#serve(res, req, req.getMethod() === 'head', (exchange) => exchange.answer(404, JSON_TYPE, NOT_FOUND))
    })
  }

  #serve(res: HttpResponse, req: HttpRequest, head: boolean, handler: Handler): void {
    this.counters.requests++
    new LiveExchange(this, res, req, head).run(handler)
  }

  #connection(res: HttpResponse, change: number): void {
    this.counters.connections += change
    if (change < 0) return
    this.counters.connectionsAccepted++
    if (this.counters.connections <= this.#maxConnections) return
    this.counters.connectionsRefused++
    res.close()
  }
}

const NOT_FOUND = refusalBody('not_found')
const METHOD_NOT_ALLOWED = refusalBody('method_not_allowed')

function allowed(methods: readonly Method[]): string {
  return methods.flatMap((method) => (method === 'get' ? ['GET', 'HEAD'] : [method.toUpperCase()])).join(', ')
}

/** It calls back before it returns. */
function listen(app: NativeApp, host: string, port: number, options: number): us_listen_socket | false {
  let socket: us_listen_socket | false = false
  app.listen(host, port, options, (listening) => {
    socket = listening
  })
  return socket
}

/**
 * The kernel shares a port with any process of this user that asks for it, so the first takes it for itself alone to see that
 * nobody has it. It lets go and takes it again in one breath: nobody is on it before, and port 0 has become a number, without
 * which uWebSockets.js does not share.
 */
function listenShared(app: NativeApp, host: string, { port, share }: SharedPort): us_listen_socket | false {
  if (share === 'join') return listen(app, host, port, SHARED_PORT)
  const alone = listen(app, host, port, EXCLUSIVE_PORT)
  if (alone === false) return false
  const taken = localPort(alone)
  closeListenSocket(alone)
  return listen(app, host, taken, SHARED_PORT)
}

/** uWebSockets.js says only that it failed; binding once more with Node tells why. */
function whyNot(host: string, port: number): Promise<string> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    probe.listen(port, host, () => probe.close(() => resolve('the port was taken a moment ago')))
  })
}
