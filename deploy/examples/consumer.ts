// A campaign engine's consumer: every transition once, in order for each device. `node consumer.js` needs BROKERS; handle() is yours.
import { Kafka } from 'kafkajs'

export interface Transition {
  readonly id: string
  readonly tenant: string
  readonly device: string
  readonly kind: 'enter' | 'dwell' | 'exit'
  readonly fence: { readonly id: string }
  readonly campaigns: readonly string[]
  readonly visit: number
}

/** Ids that are remembered: repeats come soon after a fault, or up to the maximum ping age later. Keep more in a store of your own. */
const REMEMBERED = 1_000_000

/**
 * Calls `handle` for each transition that was not seen, one after the other in a partition; a rejection stops there and the event comes
 * again. Returns what stops it.
 */
export async function consumeTransitions(
  options: { readonly brokers: readonly string[]; readonly groupId: string; readonly topic?: string },
  handle: (transition: Transition) => Promise<void>,
): Promise<() => Promise<void>> {
  const { brokers, groupId, topic = 'fencepost.transitions' } = options
  const consumer = new Kafka({ clientId: groupId, brokers: [...brokers] }).consumer({ groupId })
  const seen = new Set<string>()
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({
    eachMessage: async ({ message }) => {
      const transition = JSON.parse(String(message.value)) as Transition
      if (seen.has(transition.id)) return
      await handle(transition)
      seen.add(transition.id)
      if (seen.size > REMEMBERED) seen.delete(seen.values().next().value as string)
    },
  })
  return () => consumer.disconnect()
}
