// Which ids are taken, and by which feature. A fence of every tenant takes its id for all of them.

/**
 * Remembers the ids of the fences that were kept: with a million ids of 13 bytes, 62 bytes of heap for a fence of every tenant and 150
 * for a tenant's, the ids included. One look-up a map, however many tenants share an id.
 */
export class TakenIds {
  /** Position by id, of the fences of every tenant. */
  readonly #everyTenants = new Map<string, number>()
  /** Position by number of the tenant and id, of the others. */
  readonly #tenants = new Map<string, number>()
  /** Position by id, of the first of the others. */
  readonly #anyTenants = new Map<string, number>()
  readonly #numbers = new Map<string, number>()

  /** Takes the id for the feature at `position`. Returns the position of an earlier one that some tenant would see too, else null. */
  take(tenant: string | null, id: string, position: number): number | null {
    const every = this.#everyTenants.get(id)
    if (tenant === null) {
      const first = earlier(every, this.#anyTenants.get(id))
      if (first === null) this.#everyTenants.set(id, position)
      return first
    }
    const own = `${this.#numberOf(tenant)} ${id}`
    const first = earlier(every, this.#tenants.get(own))
    if (first !== null) return first
    this.#tenants.set(own, position)
    if (!this.#anyTenants.has(id)) this.#anyTenants.set(id, position)
    return null
  }

  #numberOf(tenant: string): number {
    const known = this.#numbers.get(tenant)
    if (known !== undefined) return known
    this.#numbers.set(tenant, this.#numbers.size)
    return this.#numbers.size - 1
  }
}

function earlier(a: number | undefined, b: number | undefined): number | null {
  if (a === undefined) return b ?? null
  return b === undefined ? a : Math.min(a, b)
}
