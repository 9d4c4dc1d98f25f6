export { type DataFolder, openDataFolder } from './data-folder.ts'
export { createLmdbFeed, type FeedOptions } from './feed.ts'
export {
  createJournal,
  type Journal,
  type JournalCounters,
  type JournalOptions,
  type JournalStats,
  type TopicStats,
} from './journal.ts'
export { parseStoreKey } from './key-check.ts'
export { createLmdbPresenceStore, type PresenceStoreOptions } from './presence-store.ts'
export { type CursorRecord, parseCursor, type ReadResult } from './reader.ts'
