// Whether a batch may be processed at all, by its own flags. A ping refused here leaves no trace but a counter.
import { type Batch, type PingReason, pingReasonCode } from '@fencepost/model'

const NO_CONSENT = pingReasonCode('no_consent')
const MINOR = pingReasonCode('minor')

/**
 * Refuses every ping of a batch that carries no consent to location, or that is flagged as a minor's, whatever else was
 * wrong with them: nothing more is said or done about a person who did not agree.
 *
 * @returns why the whole batch was refused, or null when it may go on
 */
export function applyConsent(batch: Batch): Extract<PingReason, 'no_consent' | 'minor'> | null {
  if (batch.consent && !batch.minor) return null
  const { columns } = batch
  columns.reason.fill(batch.minor ? MINOR : NO_CONSENT, 0, columns.count)
  return batch.minor ? 'minor' : 'no_consent'
}
