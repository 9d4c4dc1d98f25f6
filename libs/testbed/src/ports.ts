// Ports for servers that must know theirs before they start. They lie below the ephemeral range: a port inside it can be
// taken by somebody's outgoing connection while its server is down for a restart.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'

const LOWEST = 10_240
const given = new Set<number>()

function ephemeralStart(): number {
  try {
    const first = Number(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').trim().split(/\s+/)[0])
    return first > LOWEST + 1000 ? first : 32_768
  } catch {
    return 32_768
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)))
  })
}

/** `count` ports of 127.0.0.1 that nothing listens on, never the same twice in one process. Throws after 200 tries a port. */
export async function freePorts(count: number): Promise<number[]> {
  const span = ephemeralStart() - LOWEST
  const ports: number[] = []
  for (let tries = 0; ports.length < count; tries++) {
    if (tries > 200 * count)
      throw new Error(`no ${count} free ports found in ${LOWEST}..${LOWEST + span} in ${tries} tries`)
    const port = LOWEST + Math.floor(Math.random() * span)
    if (given.has(port) || !(await isFree(port))) continue
    given.add(port)
    ports.push(port)
  }
  return ports
}
