// The campaigns a node knows, by the fences they run on. Changed one campaign at a time, between two batches.
import type { Campaign, FenceFacts } from '@fencepost/model'
import { CAMPAIGNS_PER_FENCE } from './campaign-limits.ts'
import { Schedule } from './schedule.ts'

/** A campaign with its calendar; or an id that a fence names and nobody has given a campaign for, which is always open. */
export interface RunningCampaign {
  readonly id: string
  readonly campaign: Campaign | null
  /** Epoch ms. */
  isOpen(at: number): boolean
}

class Scheduled implements RunningCampaign {
  readonly id: string
  readonly campaign: Campaign
  readonly schedule: Schedule

  constructor(campaign: Campaign) {
    this.id = campaign.id
    this.campaign = campaign
    this.schedule = new Schedule(campaign)
  }

  isOpen(at: number): boolean {
    return this.schedule.isOpen(at)
  }
}

class Unscheduled implements RunningCampaign {
  readonly id: string
  readonly campaign = null

  constructor(id: string) {
    this.id = id
  }

  isOpen(): boolean {
    return true
  }
}

/** A list of open campaigns and the stretch of time that it holds for. */
interface OpenList {
  from: number
  until: number
  ids: readonly string[]
}

/** The campaigns of one fence for one tenant, by id. */
export class FenceCampaigns {
  readonly all: readonly RunningCampaign[]
  /** Two answers are kept, as late pings may alternate over an edge with those that are not. */
  #last: OpenList = { from: 0, until: 0, ids: [] }
  #before: OpenList = { from: 0, until: 0, ids: [] }

  constructor(all: readonly RunningCampaign[]) {
    this.all = all
  }

  /**
   * Ids of those that are open at `at`, epoch ms. The same array as long as the answer is kept, so that what is made of it can be
   * kept with it.
   */
  openAt(at: number): readonly string[] {
    const last = this.#last
    if (at >= last.from && at < last.until) return last.ids
    const before = this.#before
    if (!(at >= before.from && at < before.until)) this.#read(before, at, last.ids)
    this.#before = last
    this.#last = before
    return before.ids
  }

  #read(into: OpenList, at: number, likely: readonly string[]): void {
    let from = Number.NEGATIVE_INFINITY
    let until = Number.POSITIVE_INFINITY
    const ids: string[] = []
    for (const one of this.all) {
      if (one.isOpen(at)) ids.push(one.id)
      if (!(one instanceof Scheduled)) continue
      from = Math.max(from, one.schedule.from)
      until = Math.min(until, one.schedule.until)
    }
    into.from = from
    into.until = until
    into.ids = sameIds(ids, likely) ? likely : ids
  }
}

/** What a book knows of one tenant. */
interface Shelf {
  readonly byId: Map<string, Scheduled>
  readonly byFence: Map<string, Set<string>>
  readonly byTag: Map<string, Set<string>>
  /** Look-ups made before, by fence id, with the fence that they were made for. */
  readonly found: Map<string, { readonly fence: FenceFacts; readonly campaigns: FenceCampaigns }>
}

/** Look-ups kept for all tenants together; when there are more, all are dropped. */
export const MAX_FOUND = 65_536
const NONE = new FenceCampaigns([])

/** Campaigns of all tenants. `put` and `remove` take effect in one step: nothing of a batch may lie between two look-ups. */
export class CampaignBook {
  readonly #shelves = new Map<string, Shelf>()
  #size = 0
  #crowded = 0
  #found = 0
  #version = 0

  /** How many campaigns there are. */
  get size(): number {
    return this.#size
  }

  /** Another number after every change. */
  get version(): number {
    return this.#version
  }

  /** Look-ups that had to leave campaigns out, because their fence has more than CAMPAIGNS_PER_FENCE. */
  get crowded(): number {
    return this.#crowded
  }

  get(tenant: string, id: string): Campaign | null {
    return this.running(tenant, id)?.campaign ?? null
  }

  /** The campaign with its calendar, or null where there is none of that id. */
  running(tenant: string, id: string): RunningCampaign | null {
    return this.#shelves.get(tenant)?.byId.get(id) ?? null
  }

  /** Adds a campaign, or takes it in place of the one with its id. Throws a RangeError when its time zone is not known here. */
  put(campaign: Campaign): void {
    const scheduled = new Scheduled(campaign)
    this.remove(campaign.tenant, campaign.id)
    const shelf = this.#shelfOf(campaign.tenant)
    shelf.byId.set(campaign.id, scheduled)
    for (const fence of campaign.fences) addTo(shelf.byFence, fence, campaign.id)
    for (const tag of campaign.tags) addTo(shelf.byTag, tag, campaign.id)
    this.#forget(shelf)
    this.#size++
    this.#version++
  }

  /** Takes a campaign out. False when there was none. */
  remove(tenant: string, id: string): boolean {
    const shelf = this.#shelves.get(tenant)
    const old = shelf?.byId.get(id)
    if (shelf === undefined || old === undefined) return false
    shelf.byId.delete(id)
    for (const fence of old.campaign.fences) removeFrom(shelf.byFence, fence, id)
    for (const tag of old.campaign.tags) removeFrom(shelf.byTag, tag, id)
    this.#forget(shelf)
    this.#size--
    this.#version++
    return true
  }

  /**
   * The campaigns that a tenant runs on a fence: those that list its id or one of its tags, and those that the fence itself lists,
   * known here or not. Kept for the next ping until a campaign of the tenant, or the fence, changes.
   */
  of(tenant: string, fence: FenceFacts): FenceCampaigns {
    const known = this.#shelves.get(tenant)?.found.get(fence.id)
    if (known !== undefined && (known.fence === fence || sameLinks(known.fence, fence))) return known.campaigns
    if (this.#found >= MAX_FOUND) this.#forgetAll()
    const shelf = this.#shelfOf(tenant)
    const campaigns = this.#find(shelf, fence)
    shelf.found.set(fence.id, { fence, campaigns })
    if (known === undefined) this.#found++
    return campaigns
  }

  #forget(shelf: Shelf): void {
    this.#found -= shelf.found.size
    shelf.found.clear()
  }

  #forgetAll(): void {
    for (const [tenant, shelf] of this.#shelves) {
      this.#forget(shelf)
      if (shelf.byId.size === 0) this.#shelves.delete(tenant)
    }
  }

  #find(shelf: Shelf, fence: FenceFacts): FenceCampaigns {
    const ids = new Set(fence.campaigns)
    for (const id of shelf.byFence.get(fence.id) ?? []) ids.add(id)
    for (const tag of fence.tags) for (const id of shelf.byTag.get(tag) ?? []) ids.add(id)
    if (ids.size === 0) return NONE
    const inOrder = [...ids].sort()
    if (inOrder.length > CAMPAIGNS_PER_FENCE) this.#crowded++
    return new FenceCampaigns(
      inOrder.slice(0, CAMPAIGNS_PER_FENCE).map((id) => shelf.byId.get(id) ?? new Unscheduled(id)),
    )
  }

  #shelfOf(tenant: string): Shelf {
    const known = this.#shelves.get(tenant)
    if (known !== undefined) return known
    const shelf: Shelf = { byId: new Map(), byFence: new Map(), byTag: new Map(), found: new Map() }
    this.#shelves.set(tenant, shelf)
    return shelf
  }
}

function addTo(sets: Map<string, Set<string>>, key: string, id: string): void {
  const set = sets.get(key)
  if (set === undefined) sets.set(key, new Set([id]))
  else set.add(id)
}

function removeFrom(sets: Map<string, Set<string>>, key: string, id: string): void {
  const set = sets.get(key)
  set?.delete(id)
  if (set?.size === 0) sets.delete(key)
}

/** A fence may keep its version, where its owner gives it, and yet change what it lists. */
function sameLinks(a: FenceFacts, b: FenceFacts): boolean {
  return a.version === b.version && sameIds(a.campaigns, b.campaigns) && sameIds(a.tags, b.tags)
}

function sameIds(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((id, i) => id === b[i])
}
