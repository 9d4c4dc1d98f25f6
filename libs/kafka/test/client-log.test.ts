import { type Logger, silentLogger } from '@fencepost/model'
import { expect, test } from 'vitest'
import { ClientLog } from '../src/client-log.ts'

test('passes three lines a state, without their extra fields and cut to 200 characters, and counts the rest', () => {
  const lines: unknown[] = []
  const logger: Logger = { ...silentLogger, warn: (fields) => void lines.push(fields) }
  const log = new ClientLog(logger)
  const say = log.creator()
  const entry = { namespace: 'Connection', level: 1, label: 'ERROR' }
  for (let i = 0; i < 5; i++)
    say({ ...entry, log: { timestamp: '', message: `${i}${'x'.repeat(300)}`, payload: 'secret', stack: 'at …' } })
  expect(lines).toEqual([0, 1, 2].map((i) => ({ part: 'Connection', message: `${i}${'x'.repeat(199)}` })))
  expect(log.reset()).toBe(2)
  say({ ...entry, log: { timestamp: '', message: 'again' } })
  expect(lines.length).toBe(4)
  expect(log.reset()).toBe(0)
})
