// Child processes that are watched: their output by line, their end as a promise, and no survivors (see guard.ts).
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { guardProcess, releaseProcess } from './guard.ts'

export interface ProcessOptions {
  readonly command: string
  readonly args?: readonly string[]
  readonly argv0?: string
  readonly cwd?: string
  /** The whole environment; default: this process's. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Called with every line of stdout and stderr, in order of arrival. */
  readonly onLine?: (line: string) => void
}

export interface ProcessEnd {
  readonly code: number | null
  readonly signal: string | null
}

/** How many of the last output lines are kept for error messages and `waitForLine`. */
const KEPT_LINES = 2000

/** One running child. Made by `startProcess`. */
export class WatchedProcess {
  readonly pid: number
  readonly ended: Promise<ProcessEnd>
  readonly lines: string[] = []
  end: ProcessEnd | undefined
  readonly #child: ChildProcess
  readonly #name: string
  readonly #watchers = new Set<() => void>()

  constructor(child: ChildProcess, name: string, onLine: ((line: string) => void) | undefined) {
    this.#child = child
    this.#name = name
    this.pid = child.pid as number
    guardProcess(this.pid)
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream as Readable }).on('line', (line) => {
        if (this.lines.length === KEPT_LINES) this.lines.shift()
        this.lines.push(line)
        onLine?.(line)
        for (const watcher of this.#watchers) watcher()
      })
    }
    this.ended = new Promise((resolve) => {
      // `close`, not `exit`: the last lines have arrived.
      child.once('close', (code, signal) => {
        releaseProcess(this.pid)
        this.end = { code, signal }
        resolve(this.end)
        for (const watcher of this.#watchers) watcher()
      })
    })
  }

  /** The first kept line that passes, waiting for it. Rejects when the process ends before, or after `deadlineMs`. */
  waitForLine(passes: (line: string) => boolean, deadlineMs: number): Promise<string> {
    return new Promise((resolve, reject) => {
      let seen = 0
      const done = (settle: () => void): void => {
        clearTimeout(timer)
        this.#watchers.delete(look)
        settle()
      }
      const look = (): void => {
        // When old lines are dropped `seen` runs ahead; the newest line is still looked at because each line is one call.
        for (let i = Math.min(seen, this.lines.length - 1); i < this.lines.length; i++) {
          const line = this.lines[i]
          if (line === undefined || !passes(line)) continue
          done(() => resolve(line))
          return
        }
        seen = this.lines.length
        if (this.end !== undefined)
          done(() => reject(this.#failure(`ended (code ${this.end?.code ?? this.end?.signal})`)))
      }
      const timer = setTimeout(
        () => done(() => reject(this.#failure(`said nothing of the kind in ${deadlineMs} ms`))),
        deadlineMs,
      )
      this.#watchers.add(look)
      look()
    })
  }

  signal(signal: NodeJS.Signals): void {
    if (this.end === undefined) this.#child.kill(signal)
  }

  /** SIGKILL, and waits for the end. */
  async kill9(): Promise<void> {
    this.signal('SIGKILL')
    await this.ended
  }

  /** SIGTERM, SIGKILL after `graceMs`, and waits for the end. */
  async stop(graceMs: number): Promise<ProcessEnd> {
    this.signal('SIGTERM')
    const timer = setTimeout(() => this.signal('SIGKILL'), graceMs)
    const end = await this.ended
    clearTimeout(timer)
    return end
  }

  /** Waits for the end by itself; rejects after `deadlineMs`. */
  async waitForEnd(deadlineMs: number): Promise<ProcessEnd> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(this.#failure(`did not end in ${deadlineMs} ms`)), deadlineMs)
    })
    try {
      return await Promise.race([this.ended, late])
    } finally {
      clearTimeout(timer)
    }
  }

  #failure(what: string): Error {
    return new Error(`${this.#name} (pid ${this.pid}) ${what}; its last lines:\n${this.lines.slice(-20).join('\n')}`)
  }
}

/** Starts a process. Rejects when the command cannot be run at all. */
export async function startProcess(options: ProcessOptions): Promise<WatchedProcess> {
  const { command, args = [] } = options
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(options.argv0 === undefined ? {} : { argv0: options.argv0 }),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.env === undefined ? {} : { env: options.env as NodeJS.ProcessEnv }),
  })
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve)
    child.once('error', reject)
  })
  child.on('error', () => {})
  return new WatchedProcess(child, command, options.onLine)
}

/** Runs a command to its end. Resolves with its output whatever its code; rejects when it cannot be run or takes longer. */
export async function runToEnd(
  command: string,
  args: readonly string[],
  deadlineMs: number,
  options: Pick<ProcessOptions, 'cwd' | 'env'> = {},
): Promise<{ code: number | null; output: string }> {
  const child = await startProcess({ command, args, ...options })
  try {
    const { code } = await child.waitForEnd(deadlineMs)
    return { code, output: child.lines.join('\n') }
  } catch (error) {
    await child.kill9()
    throw error
  }
}

/** Does the command run and exit with 0? Never rejects. */
export async function succeeds(command: string, args: readonly string[], deadlineMs = 20_000): Promise<boolean> {
  try {
    return (await runToEnd(command, args, deadlineMs)).code === 0
  } catch {
    return false
  }
}
