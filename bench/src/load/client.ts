// The client process: autocannon with requests that were built before, told by IPC what to send where. A process of its own, so
// that its CPU is never counted as the server's.
import autocannon from 'autocannon'
import { percentile } from '../statistics.ts'
import { Pacer } from './pacer.ts'
import type { Bodies, Run, RunResult } from './protocol.ts'

/**
 * Two methods of autocannon 9.0.0's client that are not in its types. Its own rate limit sends a second's requests in one burst
 * and then rests, and its own request list is cloned and built anew for every connection of every run: both are replaced here.
 */
interface CannonClient extends autocannon.Client {
  _doRequest(): void
  getRequestBuffer(): Buffer
  fencepostSentAt: number
}

const TICK_MS = 1
const DRAIN_MS = 50

let bodies: readonly Uint8Array[] = []

process.on('message', (message: Run | Bodies) => {
  if (message.kind === 'bodies') {
    bodies = message.bodies
    process.send?.({ kind: 'loaded' })
    return
  }
  run(message).then(
    (result) => process.send?.({ kind: 'result', result }),
    (error: unknown) => process.send?.({ kind: 'failed', error: String(error) }),
  )
})
process.on('disconnect', () => process.exit(0))

async function run(options: Run): Promise<RunResult> {
  const { host, port, connections, ratePerS, warmUpMs, windowMs } = options
  const requests = bodies.map((body) => requestBytes(options, body))
  const pacer = new Pacer(ratePerS)
  const latencies: number[] = []
  let next = 0
  let counting = false
  let answerBytes = 0

  let settle: (result: autocannon.Result) => void = () => {}
  const outcome = new Promise<autocannon.Result>((resolve) => {
    settle = resolve
  })
  const instance = autocannon(
    {
      url: `http://${host}:${port}/v1/pings`,
      method: 'POST',
      connections,
      duration: 3600, // ended by hand, below
      sampleInt: 50, // how soon it notices
      setupClient(base) {
        const client = base as CannonClient
        const send = client._doRequest.bind(client)
        const sender = {
          send() {
            client.fencepostSentAt = pacer.takeDue(performance.now())
            send()
          },
        }
        client._doRequest = () => pacer.ready(sender)
        client.getRequestBuffer = () => requests[next++ % requests.length] as Buffer
      },
    },
    (_error, result) => settle(result),
  )
  instance.on('response', (client, _status, bytes) => {
    if (!counting) return
    latencies.push(performance.now() - (client as CannonClient).fencepostSentAt)
    answerBytes += bytes
  })
  const timer = setInterval(() => pacer.tick(performance.now()), TICK_MS)

  await sleep(warmUpMs)
  // The driver reads the server's CPU when it gets these marks. Both take equally long to arrive, so nothing waits for a reply.
  process.send?.({ kind: 'begin' })
  counting = true
  const began = performance.now()
  const cpuBegan = process.cpuUsage()
  await sleep(windowMs)
  process.send?.({ kind: 'end' })
  counting = false
  const seconds = (performance.now() - began) / 1000
  const cpu = process.cpuUsage(cpuBegan)
  pacer.close()
  await sleep(DRAIN_MS)
  clearInterval(timer)
  instance.stop()
  const { non2xx, errors, timeouts } = await outcome

  const sorted = Float64Array.from(latencies).sort()
  return {
    requests: sorted.length,
    seconds,
    p50: percentile(sorted, 50),
    p99: percentile(sorted, 99),
    p999: percentile(sorted, 99.9),
    max: percentile(sorted, 100),
    non2xx,
    errors,
    timeouts,
    answerBytes,
    clientLoad: (cpu.user + cpu.system) / 1e6 / seconds,
  }
}

function requestBytes({ host, port, key }: Run, body: Uint8Array): Buffer {
  const head = [
    'POST /v1/pings HTTP/1.1',
    `host: ${host}:${port}`,
    `authorization: Bearer ${key}`,
    'content-type: application/msgpack',
    `content-length: ${body.length}`,
    '',
    '',
  ].join('\r\n')
  return Buffer.concat([Buffer.from(head, 'latin1'), body])
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
