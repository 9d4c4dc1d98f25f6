// One change of a fence as it comes: made already, or as the text of a feature that has yet to be read, which takes milliseconds for a large
// one and so is not for a thread that serves.
import { normaliseFeature } from '@fencepost/geo'
import type { FenceChange } from '@fencepost/match'

export type FenceEdit =
  | FenceChange
  | {
      /** A GeoJSON Feature as text; id and tenant are not taken from it. */
      readonly feature: string
      readonly id: string
      readonly tenant: string | null
    }

/** What a feature that cannot be used is told as. */
export interface UnusableFence {
  readonly fence: string
  readonly error: string
}

/** Which fence it is about. */
export function fenceOf(edit: FenceEdit): { readonly id: string; readonly tenant: string | null } {
  if ('put' in edit) return edit.put
  return 'remove' in edit ? edit.remove : edit
}

/** Reads it. A feature that cannot be used is told of and removes the fence: what was in force of it is no longer what was asked for. */
export function changeOf(edit: FenceEdit, onUnusable: (unusable: UnusableFence) => void): FenceChange {
  if (!('feature' in edit)) return edit
  const { feature, id, tenant } = edit
  try {
    const fence = normaliseFeature(JSON.parse(feature), { position: 0, repair: false })
    return { put: { ...fence, id, tenant } }
  } catch (error) {
    onUnusable({ fence: id, error: error instanceof Error ? error.message : String(error) })
    return { remove: { id, tenant } }
  }
}
