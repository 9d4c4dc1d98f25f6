// The whole synchronous pass of a batch: decode, validate, consent, match, encode, answer. The sink takes everything at once.
import { Counters, createMoments, createPipeline, InFlight, type Outcome } from '@fencepost/ingest'
import { BatchHits, type EventSink } from '@fencepost/model'
import { createIdentities } from '@fencepost/policy'
import { createDecoder, createEventEncoder } from '@fencepost/wire'
import type { Arm, Case } from '../measure.ts'
import { DECODER_OPTIONS, packedBody, placesWithHits, RECEIVED, sharedIndex, TENANT } from './setup.ts'

const BODIES = 64
const MIB = 1024 * 1024

const nullSink: EventSink = {
  start: () => Promise.resolve(),
  stop: () => Promise.resolve(),
  hasRoom: () => true,
  publish: () => Promise.resolve(),
  healthy: () => true,
}

export function admitCases(): Case[] {
  return [1, 20, 100].map((pings) => ({
    name: `admit, ${pings} pings`,
    unit: 'ping',
    operations: BODIES * pings,
    arms: [admitArm('no hit', pings, 0), admitArm('one hit a ping', pings, 1)],
  }))
}

function admitArm(name: string, pings: number, hits: 0 | 1): Arm {
  const places = placesWithHits(BODIES * pings, hits, 51 + hits, pings)
  const bodies = Array.from({ length: BODIES }, (_, i) =>
    packedBody(places.slice(i * pings, (i + 1) * pings), `bench-device-${i}`),
  )
  const counters = new Counters()
  const index = sharedIndex()
  const pipeline = createPipeline({
    decoder: createDecoder(DECODER_OPTIONS),
    moment: createMoments(() => index),
    subjects: null,
    onMinor: null,
    inFlight: new InFlight(),
    hits: new BatchHits(DECODER_OPTIONS.maxPings),
    identities: createIdentities({
      rootKey: new Uint8Array(32).fill(1),
      pseudonymKey: new Uint8Array(32).fill(2),
    }),
    encoder: createEventEncoder({
      coordinates: 'coarse',
      contentType: 'application/json',
      maxEventBytes: MIB,
      maxBatchBytes: 16 * MIB,
    }),
    sink: nullSink,
    counters,
    clock: () => RECEIVED,
  })
  const expected = BODIES * pings * hits
  return {
    name,
    pass() {
      const before = counters.accepted
      const matchedBefore = counters.matched
      const waiting: Promise<Outcome>[] = []
      for (const body of bodies) {
        const outcome = pipeline.take(body, 'msgpack', TENANT)
        if (outcome instanceof Promise) waiting.push(outcome)
      }
      // The arms do different work on purpose; each must accept every ping and match exactly what it is meant to.
      const sum = (): number =>
        counters.matched - matchedBefore === expected ? counters.accepted - before : Number.NaN
      return waiting.length === 0 ? sum() : Promise.all(waiting).then(sum)
    },
  }
}
