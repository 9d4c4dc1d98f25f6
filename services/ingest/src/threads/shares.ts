// How the node's limits divide among its threads: what is memory or rate is shared out evenly, so that the node as a whole keeps
// to the setting. A client's connections decide which thread counts it.
import type { NodeConfig } from '../config.ts'

/** Limits of the HTTP server of a whole node, which have no setting. */
const MAX_OPEN_BODIES = 16_384
const MAX_CONNECTIONS = 50_000
/** Large bodies may take half of a body budget. */
const LARGE_SHARE = 0.5

export interface ThreadShare {
  readonly config: NodeConfig
  readonly maxOpenBodies: number
  readonly maxConnections: number
}

/**
 * One thread's share. Room for events is divided only where each thread has a sink of its own.
 *
 * @throws Error when a share would be too small for one body or one batch that the settings allow
 */
export function shareOf(config: NodeConfig, ownSink: boolean): ThreadShare {
  const { threads } = config
  const perThread = (value: number): number => Math.floor(value / threads)
  const share: NodeConfig = {
    ...config,
    maxBodyMemoryBytes: perThread(config.maxBodyMemoryBytes),
    maxInflightBytes: ownSink ? perThread(config.maxInflightBytes) : config.maxInflightBytes,
    maxInflightEvents: ownSink ? perThread(config.maxInflightEvents) : config.maxInflightEvents,
    ratePerS: config.ratePerS / threads,
    rateBurst: Math.ceil(config.rateBurst / threads),
    identityCache: Math.ceil(config.identityCache / threads),
  }
  const atLeast = (env: string, whole: number, part: number, needed: number, what: string): void => {
    if (part >= needed) return
    throw new Error(`${env} is ${whole}, shared by ${threads} threads: ${what} needs at least ${needed * threads}`)
  }
  atLeast(
    'FENCEPOST_MAX_BODY_MEMORY_BYTES',
    config.maxBodyMemoryBytes,
    share.maxBodyMemoryBytes,
    config.maxBodyBytes / LARGE_SHARE,
    'a body of FENCEPOST_MAX_BODY_BYTES',
  )
  if (ownSink) {
    atLeast(
      'FENCEPOST_MAX_INFLIGHT_BYTES',
      config.maxInflightBytes,
      share.maxInflightBytes,
      config.maxEventBytes * 2,
      'an event of FENCEPOST_MAX_EVENT_BYTES',
    )
    atLeast(
      'FENCEPOST_MAX_INFLIGHT_EVENTS',
      config.maxInflightEvents,
      share.maxInflightEvents,
      config.maxBatch,
      'a batch of FENCEPOST_MAX_BATCH',
    )
  }
  return { config: share, maxOpenBodies: perThread(MAX_OPEN_BODIES), maxConnections: perThread(MAX_CONNECTIONS) }
}
