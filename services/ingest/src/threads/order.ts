// What the main thread and a serving thread say to each other. Everything here can be cloned.

import type { MessagePort } from 'node:worker_threads'
import type { PackedFences } from '@fencepost/match'
import type { Logger } from '@fencepost/model'
import type { RecipientEntry, RetentionRow } from '@fencepost/policy'
import type { RedisPresenceOptions } from '@fencepost/redis'
import type { KafkaConfig, NodeConfig } from '../config.ts'
import type { FeedUpdate } from '../feed/feed-view.ts'
import type { SinkRoomLimits } from './sink-room.ts'

/** Fences and the number of the change that brought them. */
export interface FenceEdition {
  readonly epoch: number
  readonly packed: PackedFences
}

/** How a thread publishes: with a Kafka sink of its own, or through the sink of the main thread. */
export type ThreadSink =
  | { readonly kind: 'kafka'; readonly config: NodeConfig & KafkaConfig }
  | {
      readonly kind: 'proxy'
      readonly port: MessagePort
      readonly room: SharedArrayBuffer
      readonly limits: SinkRoomLimits
    }

/** How a thread reaches the store of presence: by itself, or through the main thread. */
export type ThreadStore =
  | { readonly kind: 'redis'; readonly options: RedisPresenceOptions }
  | { readonly kind: 'proxy'; readonly port: MessagePort }

/** All that a serving thread is made from. */
export interface ThreadOrder {
  /** 1..threads */
  readonly thread: number
  /** The node's, with this thread's share of its limits. */
  readonly config: NodeConfig
  readonly maxOpenBodies: number
  readonly maxConnections: number
  readonly rootKey: Uint8Array
  readonly pseudonymKey: Uint8Array
  readonly retention: readonly RetentionRow[]
  readonly recipients: readonly RecipientEntry[]
  readonly sink: ThreadSink
  /** Null = there are none. */
  readonly stores: { readonly presence: ThreadStore; readonly requests: ThreadStore } | null
  /** The fences in force when the thread was made; later ones come by `fencePort`. */
  readonly fences: FenceEdition
  /** The same of what else the feed has brought. */
  readonly view: FeedUpdate
  readonly fencePort: MessagePort
  /** The epoch in force: one number, shared by all threads. */
  readonly epoch: SharedArrayBuffer
  /** One number a thread, from thread 1 on: 1 until it has closed its port. */
  readonly open: SharedArrayBuffer
}

/** To a serving thread. */
export type ToThread =
  | { readonly kind: 'listen'; readonly port: number; readonly share: 'first' | 'join' }
  | { readonly kind: 'count'; readonly ask: number }
  | { readonly kind: 'view'; readonly update: FeedUpdate }
  | { readonly kind: 'stop'; readonly deadlineMs: number }
  /** The process ends now: close the port and go. */
  | { readonly kind: 'leave' }

/** From a serving thread. */
export type FromThread =
  /** The sink has started and the fences are there. */
  | { readonly kind: 'ready' }
  | { readonly kind: 'listening'; readonly port: number }
  /** It could not get as far; the thread ends. */
  | { readonly kind: 'refused'; readonly error: string }
  /** Every number of `valuesOf`; `ask` as it was asked, or 0: unasked, a sign of life. */
  | {
      readonly kind: 'counts'
      readonly ask: number
      readonly values: Float64Array
      readonly sinkHealthy: boolean
      readonly storeHealthy: boolean
      /** Since when its oldest batch has been under way, epoch ms, or null. */
      readonly inFlightSince: number | null
      /** Ids of SDK keys that have let somebody in since it last told. */
      readonly usedKeys: readonly string[]
    }
  | {
      readonly kind: 'log'
      readonly level: keyof Logger
      readonly fields: Record<string, unknown>
      readonly msg: string
    }
  /** An exception that nobody caught; the thread ends. Kind and place only: a message may quote what a client sent. */
  | { readonly kind: 'failed'; readonly error: string; readonly at: string | undefined }
  | { readonly kind: 'stopped'; readonly inTime: boolean }
