// A child process with IPC: asked one thing at a time, pinned to a core where the machine can, gone when the driver goes.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'

export interface ChildOptions {
  readonly entry: string
  readonly name: string
  readonly nodeArgs?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Run on this core only; null = wherever the system likes. */
  readonly core: number | null
}

export type Message = Readonly<Record<string, unknown>> & { readonly kind: string }

/** Last lines of output that an error message shows. */
const KEPT_LINES = 20

export class Child {
  readonly #process: ChildProcess
  readonly #name: string
  readonly #lines: string[] = []
  readonly #listeners = new Set<(message: Message | null) => void>()
  #ended = false

  constructor(options: ChildOptions) {
    const { entry, name, nodeArgs = [], env = {}, core } = options
    const command = [...(core === null ? [] : ['taskset', '-c', String(core)]), process.execPath, ...nodeArgs, entry]
    this.#name = name
    this.#process = spawn(command[0] as string, command.slice(1), {
      // Nothing of the driver's own environment: a setting left over in a shell must not change what is measured.
      env: { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '', ...env },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      serialization: 'advanced',
    })
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#lines.push(...text.split('\n').filter((line) => line !== ''))
        this.#lines.splice(0, Math.max(0, this.#lines.length - KEPT_LINES))
        this.#tell({ kind: 'output', text })
      })
    }
    this.#process.on('message', (message) => this.#tell(message as Message))
    this.#process.on('error', () => this.#end())
    this.#process.on('close', () => this.#end())
  }

  get pid(): number {
    return this.#process.pid ?? 0
  }

  send(message: Message): void {
    if (!this.#ended) this.#process.send(message)
  }

  /** The next message for which `pick` gives a value; rejects when the child ends or after `deadlineMs`. */
  next<T>(pick: (message: Message) => T | undefined, deadlineMs: number): Promise<T> {
    return new Promise((resolve, reject) => {
      const settle = (then: () => void): void => {
        clearTimeout(timer)
        this.#listeners.delete(listen)
        then()
      }
      const listen = (message: Message | null): void => {
        const value = message === null ? undefined : pick(message)
        if (value !== undefined) settle(() => resolve(value))
        else if (message === null) settle(() => reject(this.#failure('ended')))
      }
      const timer = setTimeout(
        () => settle(() => reject(this.#failure(`did not answer in ${deadlineMs} ms`))),
        deadlineMs,
      )
      this.#listeners.add(listen)
      if (this.#ended) listen(null)
    })
  }

  /** Sends a message and waits for the one of kind `reply`. */
  ask(message: Message, reply: string, deadlineMs = 10_000): Promise<Message> {
    const answer = this.next((got) => (got.kind === reply ? got : undefined), deadlineMs)
    this.send(message)
    return answer
  }

  /** SIGTERM, SIGKILL two seconds later. */
  async stop(): Promise<void> {
    if (this.#ended) return
    const ended = new Promise<void>((resolve) => this.#process.once('close', () => resolve()))
    this.#process.kill('SIGTERM')
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), 2000)
    await ended
    clearTimeout(timer)
  }

  #tell(message: Message): void {
    for (const listener of [...this.#listeners]) listener(message)
  }

  #end(): void {
    this.#ended = true
    for (const listener of [...this.#listeners]) listener(null)
  }

  #failure(what: string): Error {
    return new Error([`${this.#name} ${what}; its last lines:`, ...this.#lines].join('\n'))
  }
}

/** Can processes be pinned here? Needs `taskset` (util-linux). */
export function canPin(): boolean {
  return spawnSync('taskset', ['-c', '0', 'true']).status === 0
}
