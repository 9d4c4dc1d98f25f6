import { createKafkaSink, KAFKA_DEFAULTS } from '@fencepost/kafka'
import { readTopic } from '@fencepost/kafka/reader'
import { silentLogger, TOPICS } from '@fencepost/model'
import { eventSinkContract } from '@fencepost/model/contract/event-sink'
import { needs } from '@fencepost/testbed/needs'
import { deleteTopics, freshTopics } from './support.ts'

needs('kafka', 'on a real broker', (bootstrap) => {
  eventSinkContract('the Kafka sink', {
    async create(limits) {
      const topics = freshTopics(6)
      const sink = createKafkaSink(
        { ...KAFKA_DEFAULTS, ...limits, brokers: bootstrap.split(','), clientId: 'contract', topics },
        { logger: silentLogger },
      )
      return {
        sink,
        read: (topic) => readTopic({ bootstrap, topic, name: topics[topic].name }),
        async destroy() {
          await sink.stop(5000)
          await deleteTopics(
            bootstrap,
            TOPICS.map((topic) => topics[topic].name),
          )
        },
      }
    },
  })
})
