// A Kafka cluster of this process's own, in KRaft mode on 127.0.0.1: one broker or three, which tests may kill, freeze
// and restart. Nothing of it outlives the process.
import { randomBytes } from 'node:crypto'
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeCertificate } from './certificate.ts'
import { type BrokerRuntime, findKafkaLauncher } from './kafka-launcher.ts'
import { waitForBrokers } from './kafka-probe.ts'
import { type Credentials, secureProperties } from './kafka-secure.ts'
import { freePorts } from './ports.ts'
import type { WatchedProcess } from './process.ts'
import { removeFolder, tempFolder } from './temp.ts'

export interface KafkaOptions {
  /** 1 (default), or 3 with replication 3 and min ISR 2. */
  readonly brokers?: 1 | 3
  /** Lines of server.properties that replace or join the built-in ones, on every broker. */
  readonly properties?: Readonly<Record<string, string>>
  /** Adds a listener with TLS and SASL/PLAIN for this user; see `KafkaCluster.secure`. */
  readonly secure?: Credentials
  /** Keeps the data in this folder and leaves it there; default: a temporary one that `stop` removes. */
  readonly logDir?: string
}

const START_DEADLINE_MS = 90_000
const STOP_GRACE_MS = 15_000

/** One broker of a cluster. Its address and data stay the same over restarts. */
export class KafkaBroker {
  readonly nodeId: number
  /** `127.0.0.1:port` */
  readonly address: string
  readonly #runtime: BrokerRuntime
  readonly #clusterSize: number
  #running: WatchedProcess | undefined

  constructor(nodeId: number, address: string, runtime: BrokerRuntime, clusterSize: number) {
    this.nodeId = nodeId
    this.address = address
    this.#runtime = runtime
    this.#clusterSize = clusterSize
  }

  get alive(): boolean {
    return this.#running !== undefined && this.#running.end === undefined
  }

  /** Starts the process and waits until the broker says that it has started. */
  async start(): Promise<void> {
    this.#running = await this.#runtime.start()
    await this.#running.waitForLine((line) => line.includes('Kafka Server started'), START_DEADLINE_MS)
  }

  /** kill -9. Resolves when the process has ended. */
  async kill9(): Promise<void> {
    if (this.#running === undefined) return
    await this.#runtime.signal(this.#running, 'SIGKILL')
    await this.#running.waitForEnd(START_DEADLINE_MS)
  }

  /** SIGSTOP: the process freezes, its sockets stay open. */
  async pause(): Promise<void> {
    if (this.#running !== undefined) await this.#runtime.signal(this.#running, 'SIGSTOP')
  }

  /** SIGCONT. */
  async resume(): Promise<void> {
    if (this.#running !== undefined) await this.#runtime.signal(this.#running, 'SIGCONT')
  }

  /** Stops it in good order if it runs, starts it again on the same port and data, and waits until it serves. */
  async restart(): Promise<void> {
    await this.shutDown()
    await this.start()
    await waitForBrokers(this.address, this.#clusterSize > 1 ? 2 : 1, START_DEADLINE_MS)
  }

  /** SIGTERM, SIGKILL after 15 s. */
  async shutDown(): Promise<void> {
    const running = this.#running
    if (running === undefined || running.end !== undefined) return
    await this.#runtime.signal(running, 'SIGTERM')
    await running.waitForEnd(STOP_GRACE_MS).catch(() => this.kill9())
  }

  /** kill -9, and takes away what outlives the process. */
  async destroy(): Promise<void> {
    await this.resume()
    await this.kill9()
    await this.#runtime.remove()
  }
}

/** A running cluster. */
export class KafkaCluster {
  /** `host:port,host:port,…` */
  readonly bootstrap: string
  readonly brokers: readonly KafkaBroker[]
  /** The TLS listeners, if asked for, and the certificate to trust. */
  readonly secure: { readonly bootstrap: string; readonly ca: string } | undefined
  readonly #temporary: readonly string[]

  constructor(brokers: readonly KafkaBroker[], temporary: readonly string[], secure: KafkaCluster['secure']) {
    this.brokers = brokers
    this.secure = secure
    this.bootstrap = brokers.map((broker) => broker.address).join(',')
    this.#temporary = temporary
  }

  broker(nodeId: number): KafkaBroker {
    const broker = this.brokers.find((candidate) => candidate.nodeId === nodeId)
    if (broker === undefined) throw new Error(`no broker ${nodeId}; there are 1..${this.brokers.length}`)
    return broker
  }

  /** Ends the brokers and removes their folder. Safe to call twice. */
  async stop(): Promise<void> {
    await Promise.all(this.brokers.map((broker) => broker.destroy()))
    for (const folder of this.#temporary) removeFolder(folder)
  }
}

/** Starts a cluster and waits until every broker serves. Throws with the reason when none can be had. */
export async function startKafka(options: KafkaOptions = {}): Promise<KafkaCluster> {
  const { brokers: count = 1, properties = {}, logDir } = options
  const launcher = await findKafkaLauncher()
  const folder = logDir ?? tempFolder('kafka')
  // A leading dash would be read as an option by the tool that formats the storage.
  const clusterId = randomBytes(16).toString('base64url').replace(/^-/, 'A')
  const ports = await freePorts(count * 3)
  const members: Member[] = Array.from({ length: count }, (_, i) => ({
    nodeId: i + 1,
    home: join(folder, `broker-${i + 1}`),
    port: ports[3 * i] as number,
    controllerPort: ports[3 * i + 1] as number,
    securePort: ports[3 * i + 2] as number,
  }))
  const certificate = options.secure === undefined ? undefined : await makeCertificate(folder)
  const brokers: KafkaBroker[] = []
  for (const member of members) {
    const { nodeId, home, port } = member
    mkdirSync(home, { recursive: true })
    const lines = serverProperties(member, members, options.secure !== undefined)
    if (certificate !== undefined && options.secure !== undefined) {
      // Beside the configuration, which is all of the folder that a container sees.
      copyFileSync(certificate.keystore, join(home, 'keystore.pem'))
      Object.assign(lines, secureProperties(join(home, 'keystore.pem'), options.secure))
    }
    const text = Object.entries({ ...lines, ...properties }).map(([key, value]) => `${key}=${value}\n`)
    writeFileSync(join(home, 'server.properties'), text.join(''))
    brokers.push(
      new KafkaBroker(nodeId, `127.0.0.1:${port}`, launcher.broker({ folder: home, clusterId, nodeId }), count),
    )
  }
  const secure =
    certificate === undefined
      ? undefined
      : { bootstrap: members.map(({ securePort }) => `127.0.0.1:${securePort}`).join(','), ca: certificate.ca }
  const cluster = new KafkaCluster(brokers, logDir === undefined ? [folder] : [], secure)
  try {
    await Promise.all(brokers.map((broker) => broker.start()))
    for (const broker of brokers) await waitForBrokers(broker.address, count, START_DEADLINE_MS)
  } catch (error) {
    await cluster.stop()
    throw error
  }
  return cluster
}

interface Member {
  readonly nodeId: number
  readonly home: string
  readonly port: number
  readonly controllerPort: number
  readonly securePort: number
}

function serverProperties(member: Member, members: readonly Member[], secure: boolean): Record<string, string> {
  const { nodeId, home, port, controllerPort, securePort } = member
  const replication = String(members.length)
  const minInsync = members.length === 3 ? '2' : '1'
  const voters = members.map((each) => `${each.nodeId}@127.0.0.1:${each.controllerPort}`).join(',')
  const clients = `PLAINTEXT://127.0.0.1:${port}${secure ? `,SECURE://127.0.0.1:${securePort}` : ''}`
  return {
    'process.roles': 'broker,controller',
    'node.id': String(nodeId),
    'controller.quorum.voters': voters,
    listeners: `${clients},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': clients,
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURE:SASL_SSL',
    'log.dirs': join(home, 'data'),
    'auto.create.topics.enable': 'false',
    'default.replication.factor': replication,
    'min.insync.replicas': minInsync,
    'offsets.topic.replication.factor': replication,
    'offsets.topic.num.partitions': '1',
    'transaction.state.log.replication.factor': replication,
    'transaction.state.log.min.isr': minInsync,
    'transaction.state.log.num.partitions': '1',
    'group.initial.rebalance.delay.ms': '0',
    // A killed broker is noticed in seconds, not in nine.
    'broker.session.timeout.ms': '3000',
    'broker.heartbeat.interval.ms': '500',
  }
}
