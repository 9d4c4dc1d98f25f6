import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { removeFolder, tempFolder } from '@fencepost/testbed'
import { eventSinkContract } from '../../model/contract/event-sink.ts'
import { journalAt, openJournal, readAll, STOP_MS } from './open.ts'

eventSinkContract('the journal', {
  async create(limits) {
    const folder = tempFolder('journal')
    const dir = join(folder, 'journal')
    mkdirSync(dir, { mode: 0o700 })
    const sink = journalAt(dir, limits)
    return {
      sink,
      async read(topic) {
        if (sink.healthy()) return readAll(sink, topic).map(({ record }) => record)
        const reader = await openJournal(dir)
        const records = readAll(reader, topic).map(({ record }) => record)
        await reader.stop(STOP_MS)
        return records
      },
      async destroy() {
        await sink.stop(STOP_MS)
        removeFolder(folder)
      },
    }
  },
})
