// Ids and identities: the id of an event from either shape of its ping, and a device's pseudonym from the cache and without.
import { createIdentities } from '@fencepost/policy'
import { createDecoder, eventId } from '@fencepost/wire'
import { encodeBatch, type PingShape } from '../bodies.ts'
import type { Arm, Case } from '../measure.ts'
import { syntheticPositions } from '../synthetic.ts'
import { DECODER_OPTIONS, FENCE_SEED, FENCES, RECEIVED, SENT, TENANT } from './setup.ts'

const PINGS = 1000
const DEVICES = 1000
const ID_KEY = Uint32Array.of(0x03020100, 0x07060504, 0x0b0a0908, 0x0f0e0d0c)

export function idCases(): Case[] {
  const places = syntheticPositions({ count: PINGS, seed: 41, fences: FENCES, fenceSeed: FENCE_SEED })
  const arm = (shape: PingShape): Arm => {
    const body = encodeBatch({ device: 'd', sent: SENT, places, firstAgeMs: 300, everyMs: 1000 }, shape, 'msgpack')
    const { batch, decode } = createDecoder(DECODER_OPTIONS)
    decode(body, 'msgpack', RECEIVED)
    const out = new Uint8Array(16)
    const view = new DataView(out.buffer)
    return {
      name: `of a ${shape} ping`,
      pass() {
        let sum = 0
        for (let i = 0; i < PINGS; i++) {
          eventId(ID_KEY, batch, i, out, 0)
          sum += view.getUint32(0) + view.getUint32(12)
        }
        return sum
      },
    }
  }
  return [{ name: 'event id', unit: 'event', operations: PINGS, arms: [arm('packed'), arm('named')] }]
}

export function identityCases(): Case[] {
  const devices = Array.from({ length: DEVICES }, (_, i) => new TextEncoder().encode(`bench-device-${i}`))
  const arm = (name: string, cacheSize: number): Arm => {
    const identities = createIdentities({
      rootKey: new Uint8Array(32).fill(1),
      pseudonymKey: new Uint8Array(32).fill(2),
      cacheSize,
    })
    return {
      name,
      pass() {
        let sum = 0
        for (const device of devices) {
          const { pseudonym, idKey } = identities.of(TENANT, device, 0, device.length)
          sum += (idKey[0] as number) + pseudonym.charCodeAt(12)
        }
        return sum
      },
    }
  }
  return [
    {
      name: 'identity',
      unit: 'device',
      operations: DEVICES,
      arms: [arm('cached', 2 * DEVICES), arm('cache too small', 1)],
    },
  ]
}
