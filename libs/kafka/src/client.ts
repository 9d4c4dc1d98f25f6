// kafkajs with the settings under which it loses nothing, and with ends that it lacks: sockets that can be closed, a
// disconnect that returns. The retry loop is in sink.ts, never in here.
import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { Logger, Topic } from '@fencepost/model'
import kafkajs, {
  type Admin,
  type ISocketFactory,
  type KafkaConfig,
  type PartitionMetadata,
  type Producer,
  type RecordMetadata,
  type SASLOptions,
  type TopicMessages,
} from 'kafkajs'
import type { ClientLog } from './client-log.ts'
import { LATE, within } from './deadline.ts'
import { calmIdleConnections } from './idle-spin.ts'
import type { KafkaSinkOptions } from './options.ts'
import { type CheckedTopics, ensureTopics } from './topics.ts'

// CommonJS: Node finds no named exports in it.
const { Kafka, logLevel } = kafkajs

const CONNECTION_TIMEOUT_MS = 2000
const KEEP_ALIVE_MS = 60_000

/** Told which broker leads a partition, whenever the producer has fresh metadata. */
export type OnLeader = (topic: Topic, partition: number, leader: number) => void

/** What the sink needs of a client. A second client library would be another of these. */
export interface Client {
  /** Connects, creates and compares the topics. Rejects with a TopicError, or with whatever is wrong. */
  connect(): Promise<CheckedTopics>
  /** One request per leader, once: no repetition. The caller checks that every partition is in the result. */
  send(messages: TopicMessages[]): Promise<readonly RecordMetadata[]>
  /** Resolves if a broker answers. */
  check(): Promise<void>
  /** Leaves, in good order where that works within `ms`. Never rejects. */
  disconnect(ms: number): Promise<void>
}

/** Makes a client that is not connected yet. */
export type CreateClient = (options: KafkaSinkOptions, logger: Logger, log: ClientLog, onLeader: OnLeader) => Client

export const createKafkaClient: CreateClient = (options, logger, log, onLeader) =>
  new KafkaClient(options, logger, log, onLeader)

/** One producer and one admin client. Thrown away as a whole when it misbehaves. */
class KafkaClient implements Client {
  readonly #options: KafkaSinkOptions
  readonly #logger: Logger
  readonly #admin: Admin
  readonly #producer: Producer
  readonly #sockets = new Set<Socket>()
  readonly #requestTimeoutMs: number
  readonly #acksTimeoutMs: number

  constructor(options: KafkaSinkOptions, logger: Logger, log: ClientLog, onLeader: OnLeader) {
    this.#options = options
    this.#logger = logger
    calmIdleConnections()
    this.#requestTimeoutMs = options.requestTimeoutMs
    // The broker gives up on its followers a little earlier than we on the broker: an answer says more than a time-out.
    this.#acksTimeoutMs = Math.max(1, Math.floor(options.requestTimeoutMs * 0.8))
    const kafka = new Kafka(this.#config(options, log))
    this.#producer = kafka.producer({
      // Law. With retries of its own, send() resolves without having written partitions whose leader moved meanwhile.
      retry: { retries: 0 },
      metadataMaxAge: options.metadataMaxAgeMs,
      allowAutoTopicCreation: false,
      createPartitioner: () => leaderWatcher(options, onLeader),
    })
    this.#admin = kafka.admin()
  }

  async connect(): Promise<CheckedTopics> {
    await this.#admin.connect()
    const topics = await ensureTopics(this.#admin, this.#options, this.#logger)
    // Its work is done. An idle connection would only be one more thing that can break.
    void this.#admin.disconnect().catch(() => {})
    await this.#producer.connect()
    return topics
  }

  send(messages: TopicMessages[]): Promise<RecordMetadata[]> {
    return this.#producer.sendBatch({ topicMessages: messages, acks: -1, timeout: this.#acksTimeoutMs })
  }

  // A send of nothing asks for metadata on the producer's own connections, at most once per `metadataMaxAge`.
  async check(): Promise<void> {
    const answer = await within(this.send([]), 3 * this.#requestTimeoutMs)
    if (answer === LATE) throw new Error('no answer to a metadata request')
  }

  // kafkajs can wait for ever for requests in flight; closed sockets end that.
  async disconnect(ms: number): Promise<void> {
    await within(Promise.allSettled([this.#producer.disconnect(), this.#admin.disconnect()]), ms)
    for (const socket of this.#sockets) socket.destroy()
  }

  #config(options: KafkaSinkOptions, log: ClientLog): KafkaConfig {
    const { brokers, clientId, ssl, sasl, requestTimeoutMs } = options
    return {
      clientId,
      brokers: [...brokers],
      connectionTimeout: CONNECTION_TIMEOUT_MS,
      authenticationTimeout: requestTimeoutMs,
      requestTimeout: requestTimeoutMs,
      enforceRequestTimeout: true,
      // These are for connecting and metadata only. At least 1: with 0 only the first of the brokers is ever tried.
      retry: {
        retries: Math.max(2, brokers.length),
        initialRetryTime: 50,
        maxRetryTime: 500,
        factor: 0.2,
        multiplier: 2,
      },
      logLevel: logLevel.WARN,
      logCreator: log.creator,
      socketFactory: this.#socketFactory,
      ...(ssl === undefined ? {} : { ssl }),
      ...(sasl === undefined ? {} : { sasl: sasl as SASLOptions }),
    }
  }

  readonly #socketFactory: ISocketFactory = ({ host, port, ssl, onConnect }) => {
    const servername = isIP(host) === 0 ? { servername: host } : {}
    const socket = ssl
      ? connectTls({ host, port, ...servername, ...ssl }, onConnect)
      : connectTcp({ host, port }, onConnect)
    socket.setKeepAlive(true, KEEP_ALIVE_MS)
    // kafkajs leaves Nagle on; a request waits for nothing.
    socket.setNoDelay(true)
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
    return socket
  }
}

/** A partitioner that takes the partition that the message names, and reports leaders as it is shown new metadata. */
function leaderWatcher(options: KafkaSinkOptions, onLeader: OnLeader) {
  const topicOf = new Map<string, Topic>()
  for (const topic of Object.keys(options.topics) as Topic[]) topicOf.set(options.topics[topic].name, topic)
  const seen = new Map<string, readonly PartitionMetadata[]>()
  return ({ topic, partitionMetadata, message }: PartitionerArgs): number => {
    if (seen.get(topic) !== partitionMetadata) {
      seen.set(topic, partitionMetadata)
      const short = topicOf.get(topic)
      if (short !== undefined)
        for (const { partitionId, leader } of partitionMetadata) onLeader(short, partitionId, leader)
    }
    return message.partition ?? 0
  }
}

interface PartitionerArgs {
  readonly topic: string
  readonly partitionMetadata: readonly PartitionMetadata[]
  readonly message: { readonly partition?: number }
}
