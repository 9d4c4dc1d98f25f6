// Two nodes, one record: whatever is lost, whoever dies, in whatever order answers come, nothing is told that did not happen and nothing
// that happened goes untold.
import { describe, expect, it } from 'vitest'
import { batchOf, dice, firstCopies, type Pings, type Told, World, walkOf } from './interleaving.ts'

const RUNS = 10_000
const BATCHES = 4
const NODES = 2
/** Long after all: what is still pending is the sweep's. */
const LATER_MS = 3_600_000

type Roll = (sides: number) => number
type Node = ReturnType<World['node']>

/** Posts a batch again and again, each time to any node, until it is answered. */
async function postUntilTaken(world: World, nodes: Node[], roll: Roll, pings: Pings): Promise<void> {
  for (;;) {
    const node = nodes[roll(nodes.length)] as Node
    const taken = await Promise.race([
      node.subjects.take(batchOf(pings, world.now), undefined as never).then(
        () => true,
        () => false,
      ),
      // The connection of a node that was killed breaks; of one that was not the client may lose patience all the same.
      brokenAfter(world, node, 20 + roll(20)),
    ])
    if (taken && roll(4) > 0) return // one answer in four is lost
  }
}

const patience = new WeakMap<World, { left: number; giveUp: () => void }[]>()

function brokenAfter(world: World, _node: Node, turns: number): Promise<false> {
  return new Promise((resolve) => {
    const all = patience.get(world) ?? []
    all.push({ left: turns, giveUp: () => resolve(false) })
    patience.set(world, all)
  })
}

/** Turns the world until `done` has settled, killing a node now and then. */
async function drive(world: World, nodes: Node[], roll: Roll, done: Promise<unknown>, kills: boolean): Promise<void> {
  let over = false
  done.finally(() => {
    over = true
  })
  while (!over) {
    await world.turn()
    for (const one of patience.get(world) ?? []) if (one.left-- === 0) one.giveUp()
    if (!kills || roll(12) > 0) continue
    const dead = roll(nodes.length)
    nodes[dead]?.kill()
    nodes[dead] = world.node()
  }
}

/** What one node without faults tells of the batches. */
async function calmly(batches: readonly Pings[]): Promise<Told[]> {
  const world = new World({ roll: () => 0, faults: 0 })
  const node = world.node()
  for (const pings of batches) {
    const taken = node.subjects.take(batchOf(pings, world.now), undefined as never)
    await drive(world, [node], () => 1, taken, false)
  }
  while (await world.turn());
  return firstCopies(world.published)
}

/** Publishes what was left behind. */
async function settle(world: World): Promise<void> {
  world.heal()
  while (await world.turn());
  world.now += LATER_MS
  const node = world.node()
  for (let round = 0; round < 2; round++) {
    const swept = node.subjects.sweep(0)
    await drive(world, [node], () => 1, swept, false)
  }
  while (await world.turn());
}

const plain = (told: readonly Told[]): string[] => told.map(({ kind, fence, visit }) => `${kind} ${fence} ${visit}`)

describe(`${RUNS} seeded interleavings`, () => {
  it('of batches one after the other, over two nodes that die: told is what one calm node tells', async () => {
    for (let seed = 1; seed <= RUNS; seed++) {
      const roll = dice(seed)
      const batches = walkOf(roll, BATCHES)
      const world = new World({ roll, faults: 8 })
      const nodes = Array.from({ length: NODES }, () => world.node())
      const all = (async () => {
        for (const pings of batches) await postUntilTaken(world, nodes, roll, pings)
      })()
      await drive(world, nodes, roll, all, true)
      const before = firstCopies(world.published).length
      await settle(world)
      const told = firstCopies(world.published)
      // Dwells that fell due after the last batch are the sweep's, and came last.
      const calm = plain(await calmly(batches))
      expect({ seed, told: plain(told).slice(0, calm.length) }).toEqual({ seed, told: calm })
      expect({ seed, told }).toEqual({ seed, told: world.history })
      expect(before).toBeLessThanOrEqual(told.length)
    }
  }, 600_000)

  it('of batches at both nodes at once: told is the history that the record went through', async () => {
    for (let seed = 1; seed <= RUNS; seed++) {
      const roll = dice(seed + 1_000_000)
      const world = new World({ roll, faults: 8 })
      const nodes = Array.from({ length: NODES }, () => world.node())
      const all = Promise.all(walkOf(roll, BATCHES).map((pings) => postUntilTaken(world, nodes, roll, pings)))
      await drive(world, nodes, roll, all, true)
      await settle(world)
      expect({ seed, told: firstCopies(world.published) }).toEqual({ seed, told: firstCopies(world.history) })
    }
  }, 600_000)
})
