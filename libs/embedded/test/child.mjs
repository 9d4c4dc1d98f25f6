// A process of its own for tests: publishes and tells what was acknowledged, or makes a key. Output is written synchronously, so
// that a line that was seen had happened.
import { readSync, writeSync } from 'node:fs'
import { createJournal, openDataFolder } from '@fencepost/embedded'
import { silentLogger } from '@fencepost/model'
import { open } from 'lmdb'
import { openStore } from '../dist/store.js'

const [mode, dir, ...args] = process.argv.slice(2)
const say = (line) => writeSync(1, `${line}\n`)

const makeJournal = (options = {}) =>
  createJournal(
    {
      dir,
      retentionMs: 3_600_000,
      retentionBytes: 1 << 28,
      maxQueueBytes: 1 << 24,
      maxQueueEvents: 50_000,
      deliveryDeadlineMs: 10_000,
      ...options,
    },
    { logger: silentLogger },
  )

function batchOf(key, texts) {
  const values = Buffer.from(texts.join(''))
  let end = 0
  return {
    topic: 'matches',
    tenant: 'acme',
    key,
    contentType: 'application/json',
    count: texts.length,
    values,
    ends: Uint32Array.from(texts, (text) => (end += text.length)),
    ids: new Uint8Array(16 * texts.length),
    times: new Float64Array(texts.length).fill(1_742_040_000_000),
  }
}

const modes = {
  // Makes keys one after another, as fast as it can.
  keys() {
    const folder = openDataFolder(dir)
    for (let i = 0; i < 150; i++) say(folder.loadOrCreateKey(`k${i}`, 8).toString('hex'))
  },

  // <run> <publishers>: each publishes batch after batch until the process is killed; `ack <run>.<publisher>.<i> <records>`.
  async publish() {
    const [run, publishers] = args
    const journal = makeJournal()
    await journal.start()
    say('open')
    const publisher = async (p) => {
      for (let i = 0; ; i++) {
        const id = `${run}.${p}.${i}`
        const records = 1 + ((i * 7 + p) % 5)
        await journal.publish(
          batchOf(
            `key${p}`,
            Array.from({ length: records }, (_, r) => `[${id}.${r}]`),
          ),
        )
        say(`ack ${id} ${records}`)
      }
    }
    await Promise.all(Array.from({ length: Number(publishers) }, (_, p) => publisher(p)))
  },

  // <count> <sync|nosync>: one publish after another, each between two lines that a trace of system calls shows.
  async trace() {
    const [count, sync] = args
    const journal = makeJournal({ unsafeNoSync: sync === 'nosync' })
    await journal.start()
    for (let i = 0; i < Number(count); i++) {
      say(`publish ${i}`)
      await journal.publish(batchOf('key', [`value ${i}`]))
      say(`ack ${i}`)
    }
    await journal.stop(5000)
  },

  // <run>: publishes for one key and for another that it erases, and compacts, again and again until the process is killed.
  async erase() {
    const [run] = args
    const journal = makeJournal()
    await journal.start()
    const publish = async () => {
      for (let i = 0; ; i++) {
        await journal.publish(batchOf('p1.gone', [`canary-of-a-person ${i}`]))
        await journal.publish(batchOf('p1.kept', [`kept ${run}.${i}`]))
        say(`ack kept ${run}.${i}`)
      }
    }
    const erase = async () => {
      for (;;) {
        await journal.erase(new Set(['p1.gone']))
        await journal.compact()
        say('compacted')
      }
    }
    await Promise.all([publish(), erase()])
  },

  // Publishes 64 KiB at a time; tells every outcome and every change of health.
  async fill() {
    const journal = makeJournal()
    await journal.start()
    let healthy = true
    for (let i = 0; ; i++) {
      const code = await journal.publish(batchOf('key', [`${i}`.padEnd(65_536)])).then(
        () => 'ok',
        (error) => error.code,
      )
      say(`${code} ${i}`)
      if (journal.healthy() !== healthy) {
        healthy = !healthy
        say(healthy ? 'healthy' : 'unhealthy')
      }
      // Refused: wait until the journal itself finds that it can write again.
      while (!journal.healthy()) await new Promise((resolve) => setTimeout(resolve, 20))
    }
  },

  // Opens and says so, or why not.
  async open() {
    const journal = makeJournal()
    try {
      await journal.start()
      say('opened')
      await journal.stop(5000)
    } catch (error) {
      say(error.message)
    }
  },

  // Publishes records of five keys, then erases those of `gone` again and again, while it goes on publishing, until the process is killed.
  async eraseSome() {
    const journal = makeJournal()
    await journal.start()
    const publish = async (i) => {
      const key = i % 5 === 0 ? 'gone' : `key${i % 5}`
      await journal.publish(batchOf(key, [`${key}-${args[0]}.${i};`.padEnd(1 + ((i * 977) % 9000), 'x')]))
      if (key !== 'gone') say(`ack ${args[0]}.${i}`)
    }
    await Promise.all(Array.from({ length: 200 }, (_, i) => publish(i)))
    const publisher = async (p) => {
      for (let i = 200 + p; ; i += 2) await publish(i)
    }
    const eraser = async () => {
      for (;;) {
        say('erasing')
        await journal.erase(new Set(['gone']))
        await journal.compact()
      }
    }
    await Promise.all([publisher(0), publisher(1), eraser()])
  },

  // <seed>: writes and removes while it compacts again and again, until the process is killed; `ack <key> <value>` once it is durable, and
  // `copying` or `swapped` round a compaction.
  async compact() {
    const seed = Number(args[0])
    const store = openStore({ dir, mapSize: 1 << 26 })
    say('open')
    const writer = async (w) => {
      for (let i = 0; ; i++) {
        const key = `${w}.${(i * 13 + seed) % 40}`
        const value = `${seed}.${i}`
        const whole = Buffer.from(`${value}:`.padEnd(1 + ((i * 977 + seed) % 9000), 'x'))
        await store.write([{ key: Buffer.from(`k${key}`), value: i % 7 === 3 ? undefined : whole }])
        say(`ack ${key} ${i % 7 === 3 ? '-' : value}`)
      }
    }
    const compacter = async () => {
      for (;;) {
        say('copying')
        await store.compact()
        say('swapped')
      }
    }
    await Promise.all([writer(0), writer(1), writer(2), compacter()])
  },

  // Compacts once, between two lines that a trace of system calls shows.
  async compactOnce() {
    const store = openStore({ dir, mapSize: 1 << 26 })
    await store.write([{ key: Buffer.from('k'), value: Buffer.from('value') }])
    say('compacting')
    await store.compact()
    say('compacted')
    await store.close()
  },

  // Holds LMDB's write lock until a line comes in: to the journal a disk that hangs.
  block() {
    const db = open({ path: dir, noSubdir: false, overlappingSync: false, encoding: 'binary' })
    db.transactionSync(() => {
      say('blocking')
      readSync(0, Buffer.alloc(1))
    })
    say('released')
  },
}

await modes[mode]()
