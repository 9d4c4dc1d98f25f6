// What is kept of the feed on disk beside a load: single steps, up to a bound.
import { join } from 'node:path'
import { firstHead, silentLogger } from '@fencepost/model'
import { removeFolder, tempFolder } from '@fencepost/testbed'
import { expect, it, onTestFinished } from 'vitest'
import { createLastGood } from '../src/feed/last-good.ts'

function lastGood(maxSteps: number, folder = tempFolder('last-good')) {
  onTestFinished(() => removeFolder(folder))
  const fencesPath = join(folder, 'fences.ndjson')
  return {
    folder,
    good: createLastGood({ fencesPath, name: 'node', withFences: false, logger: silentLogger, maxSteps }),
  }
}

it('takes as many steps as it may beside a load, and asks for another load at the next', async () => {
  const { good } = lastGood(2)
  const begin = firstHead('e')
  const head = (seq: number) => ({ epoch: 'e', seq, hash: `hash ${seq}` })
  await (await good.write()).keep(begin)
  expect(await good.addStep(begin.hash, head(1), [])).toBe(true)
  expect(await good.addStep('hash 1', head(2), [])).toBe(true)
  expect(await good.addStep('hash 2', head(3), [])).toBe(false)
  expect((await good.place())?.seq).toBe(2)
  await (await good.write()).keep(head(3))
  expect(await good.addStep('hash 3', head(4), [])).toBe(true)
  expect((await good.place())?.seq).toBe(4)
})

it('has no place before the first load, and cannot be read', async () => {
  const { good } = lastGood(2)
  expect(await good.place()).toBeNull()
  await expect(good.read()).rejects.toThrow('ENOENT')
})
