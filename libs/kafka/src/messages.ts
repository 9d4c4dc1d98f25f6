// A send in the shape that kafkajs takes: an object per record is its price. Values are views of the batch, not copies.
import { recordHeaders } from '@fencepost/model'
import type { Message, TopicMessages } from 'kafkajs'
import type { Send } from './batcher.ts'
import type { KafkaSinkOptions } from './options.ts'

/** One entry per topic: kafkajs would merge several by copying. */
export function topicMessages(send: Send, topics: KafkaSinkOptions['topics']): TopicMessages[] {
  const entries: { topic: string; messages: Message[] }[] = []
  for (const { lane, slices } of send.parts) {
    const topic = topics[lane.topic].name
    let entry = entries.find((candidate) => candidate.topic === topic)
    if (entry === undefined) {
      entry = { topic, messages: [] }
      entries.push(entry)
    }
    for (const { waiting, from, to } of slices) {
      const { batch, key } = waiting
      const { buffer, byteOffset } = batch.values
      let start = from === 0 ? 0 : (batch.ends[from - 1] as number)
      for (let i = from; i < to; i++) {
        const end = batch.ends[i] as number
        const value = Buffer.from(buffer, byteOffset + start, end - start)
        entry.messages.push({ key, value, partition: lane.partition, headers: recordHeaders(batch, i) })
        start = end
      }
    }
  }
  return entries
}
