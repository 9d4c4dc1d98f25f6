// Brings up the servers that the selected integration tests ask for before the first test, and stops them after the last.
// Each need is met from: an address in FENCEPOST_TEST_<NEED>, Docker, or what the machine and its registries have.
import { readFileSync } from 'node:fs'
import type { TestProject } from 'vitest/node'
import { startKafka } from './src/kafka.ts'
import { findKafkaLauncher } from './src/kafka-launcher.ts'
import { waitForBrokers } from './src/kafka-probe.ts'
import type { Need, Provided } from './src/needs.ts'
import { startRedis } from './src/redis.ts'

type Running = { readonly address: string; readonly stop: () => Promise<void> }

const NEEDS: readonly Need[] = ['kafka', 'redis', 'kafka-cluster']
const NOTHING = async (): Promise<void> => {}

const MEET: Readonly<Record<Need, () => Promise<Running>>> = {
  async kafka() {
    const given = process.env['FENCEPOST_TEST_KAFKA']
    if (given !== undefined && given !== '') {
      for (const address of given.split(',')) await waitForBrokers(address, 1, 30_000)
      return { address: given, stop: NOTHING }
    }
    const cluster = await startKafka()
    return { address: cluster.bootstrap, stop: () => cluster.stop() }
  },
  async redis() {
    const given = process.env['FENCEPOST_TEST_REDIS']
    if (given !== undefined && given !== '') return { address: given, stop: NOTHING }
    const server = await startRedis()
    return { address: server.address, stop: () => server.stop() }
  },
  async 'kafka-cluster'() {
    await findKafkaLauncher()
    return { address: '', stop: NOTHING }
  },
}

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const asked = await askedFor(project)
  const stops: (() => Promise<void>)[] = []
  const missing: Need[] = []
  const meet = async (need: Need): Promise<void> => {
    let provided: Provided
    if (!asked.has(need)) {
      provided = { unavailable: 'no selected file asks for it' }
    } else {
      const began = performance.now()
      try {
        const { address, stop } = await MEET[need]()
        stops.push(stop)
        provided = { address }
        console.log(`testbed: ${need} ${address} is ready after ${Math.round(performance.now() - began)} ms`)
      } catch (error) {
        provided = { unavailable: error instanceof Error ? error.message : String(error) }
        missing.push(need)
        console.log(`testbed: no ${need}, its tests are skipped: ${provided.unavailable}`)
      }
    }
    project.provide(need, provided)
  }
  const stop = async (): Promise<void> => {
    await Promise.all(stops.map((each) => each()))
  }
  // The jars are fetched once, then the servers come up side by side.
  if (asked.has('kafka-cluster')) await meet('kafka-cluster')
  else project.provide('kafka-cluster', { unavailable: 'no selected file asks for it' })
  await Promise.all([meet('kafka'), meet('redis')])
  const required = (process.env['FENCEPOST_TEST_REQUIRE'] ?? '').split(',').map((need) => need.trim())
  const refused = missing.filter((need) => required.includes(need.replace('-cluster', '')))
  if (refused.length > 0) {
    await stop()
    throw new Error(`FENCEPOST_TEST_REQUIRE asks for what could not be had: ${refused.join(', ')} (reasons above)`)
  }
  return stop
}

/** The needs that the selected files name in a call of `needs`. */
async function askedFor(project: TestProject): Promise<Set<Need>> {
  const { filenamePattern } = project.vitest as unknown as { filenamePattern?: string[] }
  const { testFiles } = await project.globTestFiles(filenamePattern)
  const asked = new Set<Need>()
  for (const file of testFiles) {
    const text = readFileSync(file, 'utf8')
    for (const need of NEEDS) if (new RegExp(`needs\\(\\s*'${need}'`).test(text)) asked.add(need)
  }
  return asked
}
