// One window of load against one server, and what it cost there.
import type { Child } from './child.ts'
import type { Bodies, Run, RunResult } from './protocol.ts'
import type { Server, Target } from './servers.ts'

export interface WindowOptions {
  readonly connections: number
  /** 0 = flat out. */
  readonly ratePerS: number
  readonly warmUpMs: number
  readonly windowMs: number
}

export interface Window extends RunResult {
  /** Server CPU a request in microseconds; NaN where nobody measured it. */
  readonly cpuUsPerRequest: number
}

/** The client process as the driver sees it. */
export class LoadClient {
  readonly #child: Child

  constructor(child: Child) {
    this.#child = child
  }

  async load(bodies: readonly Uint8Array[]): Promise<void> {
    const message: Bodies = { kind: 'bodies', bodies }
    await this.#child.ask({ ...message }, 'loaded')
  }

  async run(server: Server, options: WindowOptions): Promise<Window> {
    const { cpu } = server
    const marks: Promise<number>[] = []
    const message: Run = { kind: 'run', ...server.target, ...options }
    const done = this.#child.next(
      (got) => {
        if (got.kind === 'begin' || got.kind === 'end') marks.push(cpu === null ? Promise.resolve(Number.NaN) : cpu())
        if (got.kind === 'failed') return String(got['error'])
        return got.kind === 'result' ? (got['result'] as RunResult) : undefined
      },
      options.warmUpMs + options.windowMs + 30_000,
    )
    this.#child.send({ ...message })
    const result = await done
    if (typeof result === 'string') throw new Error(`the client failed: ${result}`)
    const [begin = Number.NaN, end = Number.NaN] = await Promise.all(marks)
    return { ...result, cpuUsPerRequest: (end - begin) / result.requests }
  }

  stop(): Promise<void> {
    return this.#child.stop()
  }
}

/** One answer, with the bytes that the floor has to repeat. */
export interface Answer {
  readonly status: number
  readonly contentType: string
  readonly body: Uint8Array
}

export async function postOnce({ host, port, key }: Target, body: Uint8Array): Promise<Answer> {
  const response = await fetch(`http://${host}:${port}/v1/pings`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/msgpack' },
    body: new Uint8Array(body),
  })
  return {
    status: response.status,
    contentType: response.headers.get('content-type') ?? '',
    body: new Uint8Array(await response.arrayBuffer()),
  }
}
