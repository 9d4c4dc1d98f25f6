// Asks a broker how many brokers it knows, in Kafka's own protocol: a listening port is not yet a broker that answers.
import { connect } from 'node:net'

const METADATA = 3
const VERSION = 4

/** Metadata request v4 for no topic (Kafka protocol guide): header v1, then an empty list of topics, no auto-creation. */
function metadataRequest(): Buffer {
  const client = 'probe'
  const request = Buffer.alloc(4 + 8 + 2 + client.length + 4 + 1)
  request.writeInt32BE(request.length - 4, 0)
  request.writeInt16BE(METADATA, 4)
  request.writeInt16BE(VERSION, 6)
  request.writeInt32BE(1, 8)
  request.writeInt16BE(client.length, 12)
  request.write(client, 14, 'latin1')
  return request
}

/** The number of brokers in the cluster, asked of `address` ("host:port"). Rejects after `deadlineMs` or on any fault. */
export function countBrokers(address: string, deadlineMs: number): Promise<number> {
  const colon = address.lastIndexOf(':')
  return new Promise((resolve, reject) => {
    const socket = connect(Number(address.slice(colon + 1)), address.slice(0, colon))
    let answer: Buffer = Buffer.alloc(0)
    const fail = (error: Error): void => {
      socket.destroy()
      reject(error)
    }
    socket.setTimeout(deadlineMs, () => fail(new Error(`${address} did not answer in ${deadlineMs} ms`)))
    socket.once('error', fail)
    socket.once('close', () => fail(new Error(`${address} closed the connection without an answer`)))
    socket.once('connect', () => socket.write(metadataRequest()))
    socket.on('data', (chunk: Buffer) => {
      answer = Buffer.concat([answer, chunk])
      // size, correlation id, throttle time, then the array of brokers
      if (answer.length < 16) return
      resolve(answer.readInt32BE(12))
      socket.destroy()
    })
  })
}

/** Waits until `address` answers and knows `count` brokers. Throws with the last reason after `deadlineMs`. */
export async function waitForBrokers(address: string, count: number, deadlineMs: number): Promise<void> {
  const deadline = Date.now() + deadlineMs
  for (;;) {
    let reason: string
    try {
      const known = await countBrokers(address, 3000)
      if (known >= count) return
      reason = `it knows ${known} of ${count} brokers`
    } catch (error) {
      reason = String(error)
    }
    if (Date.now() > deadline) throw new Error(`${address} was not ready in ${deadlineMs} ms: ${reason}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}
