// The register of recipients that the operator keeps in a file.
import { readFileSync } from 'node:fs'
import { type RecipientEntry, readRecipients } from '@fencepost/policy'

/**
 * What the file says; none = nobody.
 *
 * @throws Error naming the setting, when it cannot be read or is not a register
 */
export function readRegister(path: string | undefined): readonly RecipientEntry[] {
  if (path === undefined) return []
  try {
    return readRecipients(readFileSync(path, 'utf8'))
  } catch (error) {
    throw new Error(`FENCEPOST_RECIPIENTS: ${(error as Error).message}`, { cause: error })
  }
}
