// The inventory in the form that is asked for.
import { inventoryJson, inventoryMarkdown } from '@fencepost/policy'
import { oneOf } from './read.ts'
import type { Answer } from './routes.ts'

export const INVENTORY_FORMATS = ['json', 'markdown'] as const

export function inventoryAs(format: string | undefined): Answer {
  if (oneOf('format', format, INVENTORY_FORMATS) === 'json') return { status: 200, json: inventoryJson() }
  return { status: 200, text: inventoryMarkdown(), contentType: 'text/markdown; charset=utf-8' }
}
