// Beacon regions: properties.beacon to the bytes that ids in the region begin with.
import { BEACON_ID_BYTES, type BeaconShape } from '@fencepost/model'
import { FenceError } from './faults.ts'

/**
 * Reads `{kind: "ibeacon", uuid, major?, minor?}`, `{kind: "eddystone-uid", namespace, instance?}` or `{kind: "altbeacon", id}`.
 * Hex in either case; the UUID with its dashes or without. Throws a FenceError `bad_beacon`.
 */
export function readBeacon(raw: unknown): BeaconShape {
  if (typeof raw !== 'object' || raw === null) throw new FenceError('bad_beacon')
  const { kind, uuid, major, minor, namespace, instance, id } = raw as Record<string, unknown>
  if (kind === 'ibeacon') {
    const prefix = [...readUuid(uuid)]
    if (major !== undefined) prefix.push(...readUint16(major, 'major'))
    if (minor !== undefined) {
      if (major === undefined) throw new FenceError('bad_beacon', { detail: 'minor needs major' })
      prefix.push(...readUint16(minor, 'minor'))
    }
    return { kind: 'beacon', beacon: 'ibeacon', prefix: Uint8Array.from(prefix) }
  }
  if (kind === 'eddystone-uid') {
    const prefix = [...readHex(namespace, 10, 'namespace')]
    if (instance !== undefined) prefix.push(...readHex(instance, 6, 'instance'))
    return { kind: 'beacon', beacon: 'eddystone-uid', prefix: Uint8Array.from(prefix) }
  }
  if (kind === 'altbeacon') {
    const prefix = readHex(id, BEACON_ID_BYTES[2] as number, 'id')
    return { kind: 'beacon', beacon: 'altbeacon', prefix }
  }
  throw new FenceError('bad_beacon', { detail: 'unknown kind' })
}

const UUID = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i

function readUuid(value: unknown): Uint8Array {
  if (typeof value !== 'string' || !UUID.test(value))
    throw new FenceError('bad_beacon', { detail: 'uuid: 32 hex digits' })
  return readHex(value.replaceAll('-', ''), 16, 'uuid')
}

function readHex(value: unknown, bytes: number, name: string): Uint8Array {
  if (typeof value !== 'string' || value.length !== bytes * 2 || !/^[0-9a-f]*$/i.test(value)) {
    throw new FenceError('bad_beacon', { detail: `${name}: ${bytes * 2} hex digits` })
  }
  return Uint8Array.from(Buffer.from(value, 'hex'))
}

function readUint16(value: unknown, name: string): [high: number, low: number] {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > 0xffff) {
    throw new FenceError('bad_beacon', { detail: `${name}: an integer, 0..65535` })
  }
  return [value >> 8, value & 0xff]
}
