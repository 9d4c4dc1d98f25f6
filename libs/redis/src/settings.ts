// From settings to a connection.
import { readFileSync } from 'node:fs'
import type { RedisOptions } from './client.ts'

export interface RedisSettings {
  readonly redisUrl: string
  readonly redisTimeoutMs: number
  readonly redisTlsCaFile: string | undefined
}

/** @throws Error when the authority's file cannot be read */
export function redisOptionsFrom({ redisUrl: url, redisTimeoutMs, redisTlsCaFile: file }: RedisSettings): RedisOptions {
  const options = { url, commandTimeoutMs: redisTimeoutMs }
  if (file === undefined) return options
  try {
    return { ...options, tlsCa: readFileSync(file, 'utf8') }
  } catch (error) {
    throw new Error(`FENCEPOST_REDIS_TLS_CA_FILE: cannot read ${file}`, { cause: error })
  }
}
