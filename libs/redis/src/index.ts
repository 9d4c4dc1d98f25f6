export type { RedisOptions } from './client.ts'
export { createRedisFeed, type RedisFeedOptions } from './feed.ts'
export { createRedisPresenceStore, type RedisPresenceOptions } from './presence-store.ts'
export { type RedisSettings, redisOptionsFrom } from './settings.ts'
