// `keys create`, `keys revoke`: what SDKs authenticate with.
import { call } from '../api.ts'
import { type Command, TENANT } from '../command.ts'

export const keysCreate: Command = {
  name: 'keys create',
  summary: 'Makes an SDK key and shows it, this once only',
  options: { tenant: TENANT, label: { value: 'TEXT', help: 'what it is for' } },
  async run({ url, token, json, values, io }) {
    const text = JSON.stringify({ label: values.text('label') ?? '' })
    const body = { type: 'application/json', bytes: Buffer.byteLength(text), from: text }
    const path = `${values.tenantPath()}/keys`
    const made = await call<{ key_id: string; key: string; tenant: string }>({ url, token, method: 'POST', path, body })
    if (json) return io.out(JSON.stringify(made))
    await io.out(`key     ${made.key}`)
    await io.out(`key id  ${made.key_id}`)
    io.err('keep the key now: no one can show it again. To take it back:')
    io.err(`  fencepost keys revoke ${made.key_id} --tenant ${made.tenant}`)
  },
}

export const keysRevoke: Command = {
  name: 'keys revoke',
  operand: 'KEY_ID',
  summary: 'Takes an SDK key back, on every node',
  options: { tenant: TENANT },
  async run({ url, token, json, operand, values, io }) {
    const path = `${values.tenantPath()}/keys/${encodeURIComponent(operand)}`
    const done = await call<{ seq: number }>({ url, token, method: 'DELETE', path })
    await io.out(
      json
        ? JSON.stringify({ ...done, key_id: operand })
        : `${operand} is revoked from step ${done.seq} of the feed on`,
    )
  },
}
