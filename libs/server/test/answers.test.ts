// What can be said about answers without a socket: Retry-After, CORS, status lines, the log of faults.
import { REQUEST_REASONS } from '@fencepost/model'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { FAULT_QUIET_MS, FaultLog } from '../src/fault-log.ts'
import { createCors, retryAfter } from '../src/index.ts'
import { checkNative } from '../src/native.ts'
import { statusLine } from '../src/status.ts'

describe('retryAfter', () => {
  it.each([
    [2, 0, 0, '2'],
    [2, 0, 0.999, '2'],
    [10, 0.5, 0, '10'],
    [10, 0.5, 0.999, '15'],
    [0, 0.5, 0, '1'],
    [0.3, 0, 0.5, '1'],
    [1.2, 0, 0, '2'],
  ])('%d s with jitter %d at random %d is %s', (seconds, jitter, random, expected) => {
    expect(retryAfter(seconds, jitter, () => random)).toBe(expected)
  })
})

describe('createCors', () => {
  const listed = createCors({ origins: ['https://app.example.com', 'http://localhost:3000'] })
  const off = createCors({ origins: [] })
  const any = createCors({ origins: '*' })

  it.each([
    ['listed', listed, 'https://app.example.com', false],
    ['listed', listed, 'https://app.example.com.evil.test', true],
    ['listed', listed, 'HTTPS://APP.EXAMPLE.COM', true],
    ['listed', listed, 'null', true],
    ['listed', listed, '', false],
    ['off', off, 'https://evil.test', false],
    ['any', any, 'https://evil.test', false],
  ])('%s refuses %s%s: %s', (_name, cors, origin, refused) => {
    expect(cors.refuses(origin)).toBe(refused)
  })

  it('lets a listed origin read the answer and its Retry-After, and tells caches that it depends on the origin', () => {
    expect(Object.fromEntries(listed.headers('http://localhost:3000'))).toEqual({
      'access-control-allow-origin': 'http://localhost:3000',
      'access-control-expose-headers': 'retry-after',
      vary: 'Origin',
    })
  })

  it('answers any origin with * and needs no Vary for it', () => {
    expect(Object.fromEntries(any.headers('https://a.test'))).toEqual({
      'access-control-allow-origin': '*',
      'access-control-expose-headers': 'retry-after',
    })
  })

  it.each([
    ['no origin', listed, ''],
    ['an unlisted origin', listed, 'https://evil.test'],
    ['an empty list', off, 'https://app.example.com'],
  ])('adds nothing for %s', (_name, cors, origin) => {
    expect(cors.headers(origin)).toEqual([])
  })

  it.each([
    'https://app.example.com/',
    'app.example.com',
    'https://App.example.com',
    'https://a b',
    'null',
    'https://*.a',
  ])('refuses to start with the origin %j', (origin) => {
    expect(() => createCors({ origins: [origin] })).toThrow(`got "${origin}"`)
  })

  it.each(['https://[::1]:8443', 'capacitor://localhost', 'http://10.0.2.2:8080'])('takes the origin %s', (origin) => {
    expect(createCors({ origins: [origin] }).refuses(origin)).toBe(false)
  })
})

describe('status lines', () => {
  it('have a phrase for every status of the REASONS table', () => {
    for (const { status } of Object.values(REQUEST_REASONS)) expect(statusLine(status)).toMatch(/^\d{3} [A-Z]/)
  })
})

describe('the native module', () => {
  it('is refused when it is written in JavaScript', () => {
    expect(() => checkNative(() => {})).toThrow('not its native module')
    expect(() => checkNative(undefined)).toThrow('not its native module')
  })
})

describe('the log of faults', () => {
  afterEach(() => {
    vi.useRealTimers()
  })

  it('has one line when exceptions begin and one when they have stopped, and never a message', () => {
    vi.useFakeTimers()
    const lines: [string, Record<string, unknown>][] = []
    const told: unknown[] = []
    const log = new FaultLog(
      'public',
      { info: (fields) => lines.push(['info', fields]), warn() {}, error: (fields) => lines.push(['error', fields]) },
      (error) => {
        told.push(error)
        throw new Error('the callback fails too')
      },
    )
    for (let i = 0; i < 1000; i++) log.record(new TypeError('48.2082,16.3738'))
    vi.advanceTimersByTime(FAULT_QUIET_MS - 1)
    log.record('not even an error')
    vi.advanceTimersByTime(1)
    expect(lines).toHaveLength(1)
    expect(lines[0]?.[1]).toMatchObject({ server: 'public', error: 'TypeError' })
    expect(JSON.stringify(lines)).not.toContain('48.2')
    vi.advanceTimersByTime(FAULT_QUIET_MS)
    expect(lines[1]).toEqual(['info', { server: 'public', faults: 1001 }])
    expect(told).toHaveLength(1001)
    log.record(new Error('again'))
    expect(lines).toHaveLength(3)
    log.stop()
  })
})
