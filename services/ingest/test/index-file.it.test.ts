// The index that is kept on disk between two starts, through the thread that makes and reads it, as built.
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openFenceIndex } from '@fencepost/match'
import { type FenceIndex, type Logger, SlotList } from '@fencepost/model'
import { removeFolder, tempFolder } from '@fencepost/testbed'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type InvalidFences, loadFenceFile } from '../dist/fence-file.js'

let folder = ''
let source = ''
let indexPath = ''
beforeEach(() => {
  folder = tempFolder('index-file')
  source = join(folder, 'fences.geojson')
  indexPath = join(folder, 'fences.index')
})
afterEach(() => removeFolder(folder))

function writeSource(names: readonly string[]): void {
  const features = names.map((id, i) => ({
    type: 'Feature',
    id,
    properties: { radius_m: 100 },
    geometry: { type: 'Point', coordinates: [i, 0] },
  }))
  writeFileSync(source, JSON.stringify({ type: 'FeatureCollection', features }))
}

interface Loaded {
  readonly index: FenceIndex
  readonly isKept: boolean
  /** What was said of the index file: the reason that it was not kept, or null. */
  readonly notKept: string | null
}

/** Resolves when the thread has nothing more to do. */
async function load(path = indexPath, invalid: InvalidFences = 'skip'): Promise<Loaded> {
  let isKept = false
  let notKept: string | null = null
  let settle: () => void = () => {}
  const settled = new Promise<void>((resolve) => {
    settle = resolve
  })
  const logger: Logger = {
    info(_, message) {
      if (message === 'fences taken from the index that was kept') isKept = true
      if (message === 'fences taken from the index that was kept' || message === 'index kept for the next start')
        settle()
    },
    warn(fields, message) {
      if (message !== 'index not kept') return
      notKept = String((fields as { reason: unknown }).reason)
      // A fault of what was read is followed by a new one.
      if (!notKept.startsWith('the file ')) settle()
    },
    error() {},
  }
  const packed = await loadFenceFile(source, invalid, logger, { indexPath: path })
  await settled
  return { index: openFenceIndex(packed), isKept, notKept }
}

function idsAt(index: FenceIndex, lon: number): string[] {
  const out = new SlotList()
  index.matchInto('any', lon, 0, out)
  return Array.from(out.slots.subarray(0, out.length), (slot) => index.fence(slot).id)
}

describe('an index that is kept', () => {
  it('is made once and taken from then on, with the same answers', async () => {
    writeSource(['a', 'b'])
    const first = await load()
    expect([first.isKept, first.notKept]).toEqual([false, null])
    const second = await load()
    expect([second.isKept, second.notKept]).toEqual([true, null])
    for (const { index } of [first, second])
      expect([idsAt(index, 0), idsAt(index, 1), idsAt(index, 2)]).toEqual([['a'], ['b'], []])
    expect(second.index.fence(0)).toEqual(first.index.fence(0))
    expect(statSync(indexPath).mode & 0o777).toBe(0o600)
    expect(readdirSync(folder).sort()).toEqual(['fences.geojson', 'fences.index'])
  })

  it('is not taken for other fences, not even of the same size, and is made anew', async () => {
    writeSource(['a', 'b'])
    await load()
    writeSource(['a', 'c'])
    const other = await load()
    expect([other.isKept, other.notKept, idsAt(other.index, 1)]).toEqual([false, null, ['c']])
    expect(await load()).toMatchObject({ isKept: true })
    writeSource(['a', 'b'])
    expect(await load()).toMatchObject({ isKept: false })
  })

  it('is not taken when invalid fences are to be read otherwise', async () => {
    writeSource(['a'])
    await load()
    expect(await load(indexPath, 'repair')).toMatchObject({ isKept: false, notKept: null })
    expect(await load(indexPath, 'repair')).toMatchObject({ isKept: true })
  })

  const at = (offset: number, value: number) => (bytes: Buffer) => {
    const changed = Buffer.from(bytes)
    changed[offset < 0 ? bytes.length + offset : offset] = value
    return changed
  }
  it.each<[string, (bytes: Buffer) => Buffer, RegExp]>([
    [
      'a changed byte',
      (bytes) => at(4100, (bytes[4100]! + 1) & 255)(bytes),
      /^the file has checksum \d+, expected \d+$/,
    ],
    ['a changed last byte', (bytes) => at(-1, (bytes.at(-1)! + 1) & 255)(bytes), /^the file has checksum/],
    ['a byte less', (bytes) => bytes.subarray(0, -1), /^the file has \d+ bytes, expected \d+$/],
    ['a byte more', (bytes) => Buffer.concat([bytes, Buffer.alloc(1)]), /^the file has \d+ bytes, expected \d+$/],
    ['nothing in it', () => Buffer.alloc(0), /^the file has 0 bytes, fewer than its header$/],
    ['something else in it', () => Buffer.alloc(10_000, 'x'), /^the file is not a fence index/],
    ['another format', at(8, 99), /^the file has format \d+, expected \d+$/],
  ])('with %s is told of, not taken, and made anew', async (_, damage, reason) => {
    writeSource(['a', 'b'])
    await load()
    const good = readFileSync(indexPath)
    writeFileSync(indexPath, damage(good))
    const { index, isKept, notKept } = await load()
    expect([isKept, idsAt(index, 1)]).toEqual([false, ['b']])
    expect(notKept).toMatch(reason)
    expect(readFileSync(indexPath).equals(good)).toBe(true)
    expect(await load()).toMatchObject({ isKept: true })
  })

  it('that cannot be written costs a line in the log and nothing else', async () => {
    writeSource(['a'])
    const { index, notKept } = await load(join(folder, 'no such folder', 'fences.index'))
    expect(idsAt(index, 0)).toEqual(['a'])
    expect(notKept).toContain('ENOENT')
    mkdirSync(indexPath)
    writeFileSync(join(indexPath, 'x'), '')
    const again = await load()
    expect([again.isKept, idsAt(again.index, 0)]).toEqual([false, ['a']])
    expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([])
  })

  it('is not asked for where the fences are refused', async () => {
    writeFileSync(source, 'not JSON')
    await expect(loadFenceFile(source, 'skip', { info() {}, warn() {}, error() {} }, { indexPath })).rejects.toThrow()
    expect(existsSync(indexPath)).toBe(false)
  })
})
