// A service of ours as a child process: `node services/standalone/dist/main.js` with an environment of its own, its JSON log
// lines parsed.
import { type ProcessEnd, startProcess, type WatchedProcess } from './process.ts'

export type LogLine = Readonly<Record<string, unknown>>

export interface ServiceOptions {
  /** Path of the JavaScript file to run. */
  readonly entry: string
  readonly args?: readonly string[]
  /** Joins PATH and HOME; nothing else of this process's environment reaches the child. */
  readonly env?: Readonly<Record<string, string>>
  /** Flags for node itself, before the entry. */
  readonly nodeArgs?: readonly string[]
  readonly cwd?: string
}

/** How many parsed log lines are kept. */
const KEPT_LOGS = 10_000

/** A running service. */
export class ServiceProcess {
  readonly process: WatchedProcess
  readonly logs: readonly LogLine[]

  constructor(process: WatchedProcess, logs: readonly LogLine[]) {
    this.process = process
    this.logs = logs
  }

  get pid(): number {
    return this.process.pid
  }

  /** The first log line with this `msg`, waiting for it. Rejects at the deadline or when the process ends before. */
  async log(msg: string, deadlineMs: number): Promise<LogLine> {
    const line = await this.process.waitForLine((text) => parse(text)?.['msg'] === msg, deadlineMs)
    return parse(line) as LogLine
  }

  /** Waits for the line `{"msg":"listening","port":…,"admin_port":…}`. */
  async listening(deadlineMs = 30_000): Promise<{ port: number; adminPort: number }> {
    const line = await this.log('listening', deadlineMs)
    return { port: Number(line['port']), adminPort: Number(line['admin_port']) }
  }

  /** kill -9, and waits for the end. */
  kill9(): Promise<void> {
    return this.process.kill9()
  }

  /** SIGTERM; resolves with how it ended, rejects when it has not by the deadline (and kills it then). */
  async terminate(deadlineMs: number): Promise<ProcessEnd> {
    this.process.signal('SIGTERM')
    return this.process.waitForEnd(deadlineMs).catch(async (error: unknown) => {
      await this.process.kill9()
      throw error
    })
  }

  pause(): void {
    this.process.signal('SIGSTOP')
  }

  resume(): void {
    this.process.signal('SIGCONT')
  }
}

/** Starts a service; its readiness is `listening()`. */
export async function startService(options: ServiceOptions): Promise<ServiceProcess> {
  const { entry, args = [], env = {}, nodeArgs = [], cwd } = options
  const logs: LogLine[] = []
  const child = await startProcess({
    command: process.execPath,
    args: [...nodeArgs, entry, ...args],
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env },
    ...(cwd === undefined ? {} : { cwd }),
    onLine(line) {
      const log = parse(line)
      if (log === undefined) return
      if (logs.length === KEPT_LOGS) logs.shift()
      logs.push(log)
    },
  })
  return new ServiceProcess(child, logs)
}

function parse(line: string): LogLine | undefined {
  if (!line.startsWith('{')) return undefined
  try {
    return JSON.parse(line) as LogLine
  } catch {
    return undefined
  }
}
