// The words of named pings that stand for the model's numbers.
import { BEACON, BEACON_KINDS, LOCATION } from '@fencepost/model'

/** Values of `type`, by the model's number of each. */
export const TYPE_WORDS: readonly string[] = (() => {
  const words: string[] = []
  words[LOCATION] = 'location'
  words[BEACON] = 'beacon'
  return words
})()

/** Values of `kind`, by number. */
export const KIND_WORDS: readonly string[] = BEACON_KINDS
