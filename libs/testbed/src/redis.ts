// A Redis of this process's own on 127.0.0.1, without persistence, which tests may kill and freeze.
import { existsSync, mkdirSync } from 'node:fs'
import { createConnection } from 'node:net'
import { join } from 'node:path'
import { aptInstall, aptUnpack, hasApt, isRoot } from './apt.ts'
import { cached } from './cache.ts'
import { hasDocker } from './docker.ts'
import { guardContainer, releaseContainer } from './guard.ts'
import { freePorts } from './ports.ts'
import { type ProcessOptions, runToEnd, startProcess, succeeds, type WatchedProcess } from './process.ts'
import { removeFolder, tempFolder } from './temp.ts'

const IMAGE = 'redis:7.4.2-alpine'
const START_DEADLINE_MS = 60_000

/** How to run the server: `args` come before Redis' own. */
type Launcher = Pick<ProcessOptions, 'command' | 'argv0' | 'env'> & {
  readonly args: readonly string[]
  readonly container?: string
}

/** A running server. Its port stays the same over restarts; its data do not survive one. */
export class RedisServer {
  /** `127.0.0.1:port` */
  readonly address: string
  readonly port: number
  readonly #launcher: Launcher
  readonly #folder: string
  #running: WatchedProcess | undefined

  constructor(launcher: Launcher, port: number, folder: string) {
    this.#launcher = launcher
    this.port = port
    this.address = `127.0.0.1:${port}`
    this.#folder = folder
  }

  /** Starts the process and waits until it answers PING. */
  async start(): Promise<void> {
    const { command, argv0, env, args, container } = this.#launcher
    // Docker's working folder is its own; on the host nothing may be written outside the temporary folder.
    const settings = ['--port', `${this.port}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no']
    if (container !== undefined) guardContainer(container)
    this.#running = await startProcess({
      command,
      args: [...args, ...settings],
      cwd: this.#folder,
      ...(argv0 === undefined ? {} : { argv0 }),
      ...(env === undefined ? {} : { env }),
    })
    await this.#running.waitForLine((line) => line.includes('Ready to accept connections'), START_DEADLINE_MS)
    if (!(await ping(this.port, 5000))) throw new Error(`Redis on ${this.address} does not answer PING`)
  }

  /** kill -9. */
  async kill9(): Promise<void> {
    await this.#signal('SIGKILL', ['rm', '-f'])
    await this.#running?.waitForEnd(30_000)
  }

  /** SIGSTOP: it freezes, its sockets stay open. */
  async pause(): Promise<void> {
    await this.#signal('SIGSTOP', ['pause'])
  }

  /** SIGCONT. */
  async resume(): Promise<void> {
    await this.#signal('SIGCONT', ['unpause'])
  }

  /** kill -9 and a new start on the same port, empty. */
  async restart(): Promise<void> {
    await this.kill9()
    await this.start()
  }

  /** Ends it and removes its folder. Safe to call twice. */
  async stop(): Promise<void> {
    await this.resume()
    await this.kill9()
    if (this.#launcher.container !== undefined) releaseContainer(this.#launcher.container)
    removeFolder(this.#folder)
  }

  async #signal(signal: NodeJS.Signals, docker: readonly string[]): Promise<void> {
    const { container } = this.#launcher
    if (container === undefined) this.#running?.signal(signal)
    else await runToEnd('docker', [...docker, container], 30_000)
  }
}

/** Starts a server and waits until it serves. Throws with the reason when none can be had. */
export async function startRedis(): Promise<RedisServer> {
  const launcher = await findLauncher()
  const [port] = (await freePorts(1)) as [number]
  const server = new RedisServer(launcher, port, tempFolder('redis'))
  try {
    await server.start()
  } catch (error) {
    await server.stop()
    throw error
  }
  return server
}

async function findLauncher(): Promise<Launcher> {
  if (await hasDocker()) {
    const container = `fencepost-redis-${process.pid}-${Math.random().toString(36).slice(2, 8)}`
    const args = ['run', '--rm', '--name', container, '--network', 'host', IMAGE, 'redis-server']
    return { command: 'docker', args, container }
  }
  if (await succeeds('redis-server', ['--version'])) return { command: 'redis-server', args: [] }
  if (!hasApt()) throw new Error('no Docker daemon, no redis-server on the PATH and no apt to get it from')
  return isRoot() ? installed() : unpacked()
}

// Debian puts the server's binary into redis-tools (it takes its role from its name); the package redis-server adds the
// service that starts it, which tests must not leave behind on the machine.
const BINARY = '/usr/bin/redis-check-rdb'

async function installed(): Promise<Launcher> {
  if (!existsSync(BINARY)) await aptInstall(['redis-tools'])
  return named(BINARY, undefined)
}

async function unpacked(): Promise<Launcher> {
  const folder = await cached('redis', async (part) => {
    mkdirSync(part, { recursive: true })
    await aptUnpack(['redis-tools', 'libatomic1', 'libjemalloc2', 'liblzf1'], part)
  })
  const libraries = (await runToEnd('find', [folder, '-name', '*.so*', '-printf', '%h\\n'], 10_000)).output.split('\n')
  return named(join(folder, BINARY), { ...process.env, LD_LIBRARY_PATH: [...new Set(libraries)].join(':') })
}

async function named(binary: string, env: ProcessOptions['env'] | undefined): Promise<Launcher> {
  const launcher = { command: binary, argv0: 'redis-server', args: [], ...(env === undefined ? {} : { env }) }
  const probe = await startProcess({ ...launcher, args: ['--version'] })
  const { code } = await probe.waitForEnd(10_000)
  if (code !== 0) throw new Error(`${binary} does not run as redis-server: ${probe.lines.join(' ')}`)
  return launcher
}

function ping(port: number, deadlineMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(port, '127.0.0.1', () => socket.write('PING\r\n'))
    const done = (answered: boolean): void => {
      socket.destroy()
      resolve(answered)
    }
    socket.setTimeout(deadlineMs, () => done(false))
    socket.once('error', () => done(false))
    socket.once('data', (data) => done(data.toString('latin1').startsWith('+PONG')))
  })
}
