// The client of the swap bench: paced requests whose answers it reads, counted by phase. A process of its own.
import { Pacer } from '../load/pacer.ts'
import { type Answer, Connection } from './connection.ts'
import type { ClientOrder, PhaseResult } from './protocol.ts'
import { MATCHED } from './scene.ts'

interface Request {
  readonly dueAt: number
  readonly phase: Phase
  readonly isMoving: boolean
}

interface Phase {
  readonly name: string
  readonly began: number
  ended: number
  readonly latencies: number[]
  readonly moving: Record<string, number>
  readonly staying: Record<string, number>
  backwards: number
  failed: number
}

/** Of the answer's map, in front of a number that is small enough to be one byte. */
const MATCHED_KEY = 'matched'
const TICK_MS = 1
const DRAIN_MS = 300
/** Of three batches one is about fences that stay when few move. */
const STAYING_EVERY = 3

let phase = newPhase('warm-up')
const phases: Phase[] = []
let finish: () => void = () => {}

process.on('message', (order: ClientOrder) => {
  if (order.kind === 'start') start(order)
  else if (order.kind === 'phase') {
    phase.ended = performance.now()
    phases.push(phase)
    phase = newPhase(order.phase)
  } else finish()
})
process.on('disconnect', () => process.exit(0))

function newPhase(name: string): Phase {
  const began = performance.now()
  return { name, began, ended: began, latencies: [], moving: {}, staying: {}, backwards: 0, failed: 0 }
}

function start({ port, key, connections, ratePerS, moving, staying }: Extract<ClientOrder, { kind: 'start' }>): void {
  const buffers = (bodies: readonly Uint8Array[]): Buffer[] => bodies.map((body) => requestBytes(port, key, body))
  const [movingBuffers, stayingBuffers] = [buffers(moving), buffers(staying)]
  const pacer = new Pacer(ratePerS)
  let sent = 0
  const open = Array.from({ length: connections }, () => {
    let request: Request | null = null
    let sawNew = false
    const answered = (answer: Answer | null): void => {
      if (request !== null) sawNew = count(request, answer, sawNew)
      request = null
      if (answer !== null) pacer.ready(sender)
    }
    const connection = new Connection(port, answered)
    const sender = {
      send() {
        const isMoving = sent % STAYING_EVERY !== 0
        const list = isMoving ? movingBuffers : stayingBuffers
        request = { dueAt: pacer.takeDue(performance.now()), phase, isMoving }
        connection.send(list[sent++ % list.length] as Buffer)
      },
    }
    pacer.ready(sender)
    return connection
  })
  const timer = setInterval(() => pacer.tick(performance.now()), TICK_MS)
  finish = () => {
    phase.ended = performance.now()
    phases.push(phase)
    pacer.close()
    setTimeout(() => {
      clearInterval(timer)
      for (const connection of open) connection.close()
      process.send?.({ kind: 'result', phases: phases.map(resultOf) })
    }, DRAIN_MS)
  }
}

/** Returns whether the connection has seen the new fences. */
function count({ phase, isMoving, dueAt }: Request, answer: Answer | null, sawNew: boolean): boolean {
  const at = answer?.body.indexOf(MATCHED_KEY) ?? -1
  const matched = at < 0 ? -1 : (answer?.body[at + MATCHED_KEY.length] as number)
  if (answer?.status !== 200 || matched < 0) {
    phase.failed++
    return sawNew
  }
  phase.latencies.push(performance.now() - dueAt)
  const counts = isMoving ? phase.moving : phase.staying
  counts[matched] = (counts[matched] ?? 0) + 1
  if (!isMoving) return sawNew
  // A swap goes one way in a phase: who has seen the later state never sees the earlier one again.
  const isNew = matched === MATCHED.new
  if (phase.name.endsWith('to new') && sawNew && !isNew) phase.backwards++
  if (phase.name.endsWith('to old') && !sawNew && isNew) phase.backwards++
  return isNew
}

function resultOf({ name, began, ended, latencies, moving, staying, backwards, failed }: Phase): PhaseResult {
  const sorted = Float64Array.from(latencies).sort()
  return { phase: name, latencies: sorted, seconds: (ended - began) / 1000, moving, staying, backwards, failed }
}

function requestBytes(port: number, key: string, body: Uint8Array): Buffer {
  const head = [
    'POST /v1/pings HTTP/1.1',
    `host: 127.0.0.1:${port}`,
    `authorization: Bearer ${key}`,
    'content-type: application/msgpack',
    `content-length: ${body.length}`,
    '',
    '',
  ].join('\r\n')
  return Buffer.concat([Buffer.from(head, 'latin1'), body])
}
