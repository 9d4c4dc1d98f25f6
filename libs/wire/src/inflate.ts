// content-encoding: gzip, bounded before it is unpacked.
import { gunzipSync, type InputType } from 'node:zlib'

/** What zlib answers with `info: true`, which its types leave out. */
interface Inflated {
  readonly buffer: Buffer
  readonly engine: { readonly bytesWritten: number }
}
const gunzip = gunzipSync as unknown as (
  body: InputType,
  options: { readonly maxOutputLength: number; readonly info: true },
) => Inflated

/**
 * Unpacks a gzip stream of one or more members (RFC 1952, 2.2). Stops as soon as the output passes `maxBytes`. Anything
 * behind the last member is `bad_gzip`: it would otherwise be dropped in silence.
 */
export function inflate(body: Uint8Array, maxBytes: number): Uint8Array | 'bad_gzip' | 'inflated_too_large' {
  try {
    const { buffer, engine } = gunzip(body, { maxOutputLength: maxBytes, info: true })
    return engine.bytesWritten === body.length ? buffer : 'bad_gzip'
  } catch (error) {
    const tooLarge = error instanceof RangeError && (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE'
    return tooLarge ? 'inflated_too_large' : 'bad_gzip'
  }
}
