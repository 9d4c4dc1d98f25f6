// How a broker process is run: in Docker where there is a daemon, else Java with the broker's jars from Maven Central.
// Both take the same server.properties.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { aptInstall, hasApt, isRoot } from './apt.ts'
import { cached } from './cache.ts'
import { hasDocker } from './docker.ts'
import { guardContainer, releaseContainer } from './guard.ts'
import { type ProcessOptions, runToEnd, startProcess, succeeds, type WatchedProcess } from './process.ts'

/** One broker's life, whatever it runs in. */
export interface BrokerRuntime {
  /** Starts the process (formatting its storage the first time); readiness is the caller's business. */
  start(): Promise<WatchedProcess>
  signal(running: WatchedProcess, signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT' | 'SIGTERM'): Promise<void>
  /** Takes away what outlives the process. */
  remove(): Promise<void>
}

export interface BrokerFiles {
  /** Folder with server.properties; `log.dirs` in it must be this folder's `data`. */
  readonly folder: string
  readonly clusterId: string
  readonly nodeId: number
}

export interface KafkaLauncher {
  readonly kind: 'docker' | 'java'
  broker(files: BrokerFiles): BrokerRuntime
}

const POM = fileURLToPath(new URL('../kafka/pom.xml', import.meta.url))
const COPY = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies'
const HEAP = ['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']

/** The pinned version of the broker, as the pom has it. */
export function kafkaVersion(): string {
  const version = /<artifactId>kafka_2\.13<\/artifactId>\s*<version>([^<]+)</.exec(readFileSync(POM, 'utf8'))?.[1]
  if (version === undefined) throw new Error('libs/testbed/kafka/pom.xml names no version of kafka_2.13')
  return version
}

/** Finds a way to run brokers, fetching what is missing. Throws with the reason when there is none. */
export async function findKafkaLauncher(): Promise<KafkaLauncher> {
  if (await hasDocker()) return dockerLauncher(`apache/kafka:${kafkaVersion()}`)
  await needJava()
  const jars = await cached(`kafka-${kafkaVersion()}`, copyJars)
  return javaLauncher(`${jars}/*`)
}

async function needJava(): Promise<void> {
  const { output } = await runToEnd('java', ['-version'], 20_000).catch(() => ({ output: '' }))
  const major = Number(/version "(\d+)/.exec(output)?.[1] ?? 0)
  if (major >= 17) return
  if (!hasApt() || !isRoot())
    throw new Error(
      `Kafka needs Java 17 or newer (found ${major || 'none'}) and neither Docker nor root with apt is here`,
    )
  await aptInstall(['default-jre-headless'])
}

async function copyJars(folder: string): Promise<void> {
  if (!(await succeeds('mvn', ['-v']))) {
    if (!hasApt() || !isRoot())
      throw new Error('the broker’s jars need mvn, and neither Docker nor root with apt is here')
    await aptInstall(['maven'])
  }
  console.log(`testbed: fetching Kafka ${kafkaVersion()} from Maven Central (43 MB, once) …`)
  const args = ['-B', '-q', '-f', POM, COPY, '-DincludeScope=runtime', `-DoutputDirectory=${folder}`]
  const { code, output } = await runToEnd('mvn', args, 300_000)
  if (code !== 0) throw new Error(`mvn ended with ${code}: ${output.slice(-600)}`)
}

function javaLauncher(classPath: string): KafkaLauncher {
  return {
    kind: 'java',
    broker({ folder, clusterId }) {
      let formatted = false
      const java = (args: readonly string[]): ProcessOptions => ({
        command: 'java',
        args: [...HEAP, '-cp', classPath, ...args],
        cwd: folder,
      })
      return {
        async start() {
          if (!formatted) {
            const config = `${folder}/server.properties`
            const format = await startProcess(
              java(['kafka.tools.StorageTool', 'format', '-t', clusterId, '-c', config]),
            )
            const { code } = await format.waitForEnd(60_000)
            if (code !== 0)
              throw new Error(`formatting the broker's storage ended with ${code}: ${format.lines.join('\n')}`)
            formatted = true
          }
          return startProcess(java(['kafka.Kafka', `${folder}/server.properties`]))
        },
        async signal(running, signal) {
          running.signal(signal)
        },
        async remove() {},
      }
    },
  }
}

const DOCKER_SIGNAL = {
  SIGKILL: ['kill', '-s', 'KILL'],
  SIGTERM: ['kill', '-s', 'TERM'],
  SIGSTOP: ['pause'],
  SIGCONT: ['unpause'],
}

function dockerLauncher(image: string): KafkaLauncher {
  return {
    kind: 'docker',
    broker({ folder, clusterId, nodeId }) {
      const name = `fencepost-kafka-${process.pid}-${nodeId}-${Math.random().toString(36).slice(2, 8)}`
      const config = `${folder}/server.properties`
      // The data stay inside the container, so that nothing on the host belongs to its user.
      const script = `sed 's#^log.dirs=.*#log.dirs=/tmp/data#' ${config} > /tmp/server.properties &&
        /opt/kafka/bin/kafka-storage.sh format --ignore-formatted -t ${clusterId} -c /tmp/server.properties &&
        KAFKA_HEAP_OPTS='${HEAP[0]}' exec /opt/kafka/bin/kafka-server-start.sh /tmp/server.properties`
      let created = false
      return {
        async start() {
          if (created) return startProcess({ command: 'docker', args: ['start', '-a', name] })
          created = true
          guardContainer(name)
          const mount = `${folder}:${folder}:ro`
          const run = ['run', '--name', name, '--network', 'host', '-v', mount, '--entrypoint', '/bin/sh', image]
          return startProcess({ command: 'docker', args: [...run, '-c', script] })
        },
        async signal(_running, signal) {
          await runToEnd('docker', [...DOCKER_SIGNAL[signal], name], 30_000)
        },
        async remove() {
          await runToEnd('docker', ['rm', '-f', name], 30_000)
          releaseContainer(name)
        },
      }
    },
  }
}
