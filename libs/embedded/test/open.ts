// Journals for tests: small limits, a folder of their own, closed and removed afterwards.
import { spawnSync } from 'node:child_process'
import {
  type Clock,
  type Logger,
  type RecordBatch,
  type StoredRecord,
  silentLogger,
  type Topic,
} from '@fencepost/model'
import { makeRecordBatch } from '../../model/contract/event-sink.ts'
import { createJournal, type Journal, type JournalOptions } from '../src/index.ts'

export const STOP_MS = 10_000

export function journalAt(
  dir: string,
  options: Partial<JournalOptions> = {},
  parts: { logger?: Logger; now?: Clock } = {},
): Journal {
  const defaults = {
    dir,
    retentionMs: 3_600_000,
    retentionBytes: 64 * 1024 * 1024,
    maxQueueBytes: 16 * 1024 * 1024,
    maxQueueEvents: 50_000,
    deliveryDeadlineMs: 10_000,
  }
  return createJournal({ ...defaults, ...options }, { logger: silentLogger, ...parts })
}

/** A started journal. */
export async function openJournal(...args: Parameters<typeof journalAt>): Promise<Journal> {
  const journal = journalAt(...args)
  await journal.start()
  return journal
}

/** Every record after a cursor, read in pages of `limit`. */
export function readAll(
  journal: Journal,
  topic: Topic = 'matches',
  limit = 1000,
): { cursor: string; record: StoredRecord }[] {
  const all: { cursor: string; record: StoredRecord }[] = []
  for (let after: number | null = null; ; ) {
    const { records } = journal.read(topic, after, limit)
    if (records.length === 0) return all
    const last = Number(records.at(-1)!.cursor)
    if (last <= (after ?? 0)) throw new Error(`after cursor ${after} came ${last}`)
    all.push(...records)
    after = last
  }
}

export function batchOf(key: string, ...values: readonly string[]): RecordBatch {
  return makeRecordBatch(
    key,
    values.map((value) => new TextEncoder().encode(value)),
  )
}

export function valuesOf(records: readonly { record: StoredRecord }[]): string[] {
  return records.map(({ record }) => Buffer.from(record.value).toString())
}

/** Is the text in any file of the folder or of a folder in it? By another process: who closes LMDB's lock file lets go of its locks. */
export function bytesOnDisk(folder: string, text: string): boolean {
  const { error, status } = spawnSync('grep', ['-rqaF', '-e', text, folder])
  if (error !== undefined || (status !== 0 && status !== 1)) throw error ?? new Error(`grep ended with ${status}`)
  return status === 0
}
