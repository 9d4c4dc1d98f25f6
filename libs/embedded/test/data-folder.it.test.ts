import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { removeFolder, tempFolder } from '@fencepost/testbed'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openDataFolder } from '../src/index.ts'
import { buildOnce, runChild } from './child.ts'

let root = ''
beforeAll(buildOnce)
beforeEach(() => {
  root = tempFolder('data')
})
afterEach(() => removeFolder(root))

const modeOf = (path: string): number => statSync(path).mode & 0o777

describe('the data folder', () => {
  test('is made with its parents, for its user alone', () => {
    const folder = openDataFolder(join(root, 'a', 'b'))
    expect(modeOf(folder.path)).toBe(0o700)
    expect(folder.at('journal')).toBe(join(root, 'a', 'b', 'journal'))
  })

  test('is taken as it is when it exists, unless others may write to it', () => {
    const path = join(root, 'here')
    mkdirSync(path)
    for (const mode of [0o700, 0o750, 0o755]) {
      chmodSync(path, mode)
      openDataFolder(path)
      expect(modeOf(path)).toBe(mode)
    }
    for (const mode of [0o775, 0o757, 0o777]) {
      chmodSync(path, mode)
      expect(() => openDataFolder(path)).toThrow(`${path} may be written by others (mode 0${mode.toString(8)})`)
    }
  })
})

describe('a key', () => {
  test('is made once and is the same ever after', () => {
    const key = openDataFolder(root).loadOrCreateKey('pseudonym', 32)
    expect(key.length).toBe(32)
    expect(openDataFolder(root).loadOrCreateKey('pseudonym', 32)).toEqual(key)
    expect(openDataFolder(root).loadOrCreateKey('root', 32)).not.toEqual(key)
  })

  test('lies in a file that only its user reads, as hex, with nothing left beside it', () => {
    const key = openDataFolder(root).loadOrCreateKey('root', 16)
    expect(readdirSync(root)).toEqual(['root.key'])
    expect(modeOf(join(root, 'root.key'))).toBe(0o600)
    expect(readFileSync(join(root, 'root.key'), 'utf8')).toBe(`${key.toString('hex')}\n`)
  })

  test.each([
    { found: 'a file that its group may read', mode: 0o640, text: 'ab'.repeat(16), problem: 'may be read by others' },
    { found: 'a file that all may read', mode: 0o604, text: 'ab'.repeat(16), problem: 'may be read by others' },
    { found: 'a key of another length', mode: 0o600, text: 'ab'.repeat(15), problem: 'must hold 32 hex digits' },
    { found: 'something else', mode: 0o600, text: 'zz'.repeat(16), problem: 'must hold 32 hex digits' },
    { found: 'an empty file', mode: 0o600, text: '', problem: 'must hold 32 hex digits' },
  ])('is refused when there is $found, and never replaced', ({ mode, text, problem }) => {
    const path = join(root, 'root.key')
    writeFileSync(path, text)
    chmodSync(path, mode)
    expect(() => openDataFolder(root).loadOrCreateKey('root', 16)).toThrow(problem)
    expect(readFileSync(path, 'utf8')).toBe(text)
  })

  test('that several processes make at the same moment is one', async () => {
    const printed = await Promise.all(Array.from({ length: 4 }, () => runChild('keys', root)))
    expect(printed[0]).toMatch(/^([0-9a-f]{16}\n?){150}$/)
    expect(new Set(printed).size).toBe(1)
    expect(readdirSync(root).length).toBe(150)
  })
})
