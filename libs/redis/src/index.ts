export type { RedisOptions } from './client.ts'
export { createRedisPresenceStore, type RedisPresenceOptions } from './presence-store.ts'
