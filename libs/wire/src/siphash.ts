// SipHash-2-4 with a 128-bit result (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012; the 128-bit variant is
// the reference implementation's). 64-bit words are pairs of 32-bit halves: BigInt would cost twenty times as much.

/**
 * Hashes the first `length` bytes of `words` (little-endian) and writes 16 bytes at `offset`. `key`: four little-endian words
 * of the 16 byte key. `words` must have room for length / 4 + 2 words; what lies behind `length` is overwritten.
 */
export function sipHash128(
  key: Uint32Array,
  words: Uint32Array,
  length: number,
  out: Uint8Array,
  offset: number,
): void {
  // The last block: what is left over, zeros, and the length in its top byte.
  const blocks = (length >> 3) + 1
  const last = (blocks - 1) * 2
  const over = length & 7
  if (over < 4) {
    words[last] = (words[last] as number) & ((1 << (over * 8)) - 1)
    words[last + 1] = (length & 255) << 24
  } else {
    words[last + 1] = ((words[last + 1] as number) & ((1 << ((over - 4) * 8)) - 1)) | ((length & 255) << 24)
  }

  let v0l = (key[0] as number) ^ 0x70736575
  let v0h = (key[1] as number) ^ 0x736f6d65
  let v1l = (key[2] as number) ^ 0x6e646f6d ^ 0xee
  let v1h = (key[3] as number) ^ 0x646f7261
  let v2l = (key[0] as number) ^ 0x6e657261
  let v2h = (key[1] as number) ^ 0x6c796765
  let v3l = (key[2] as number) ^ 0x79746573
  let v3h = (key[3] as number) ^ 0x74656462

  // Steps 0..blocks-1 take a block in with two rounds; the two after them give out half of the result each with four.
  for (let step = 0; step < blocks + 2; step++) {
    const takesIn = step < blocks
    const ml = takesIn ? (words[2 * step] as number) : 0
    const mh = takesIn ? (words[2 * step + 1] as number) : 0
    v3l ^= ml
    v3h ^= mh
    if (step === blocks) v2l ^= 0xee
    else if (step > blocks) v1l ^= 0xdd

    for (let round = takesIn ? 2 : 4; round > 0; round--) {
      // v0 += v1; v1 = rotl(v1, 13) ^ v0; v0 = rotl(v0, 32)
      let low = (v0l >>> 0) + (v1l >>> 0)
      v0h = (v0h + v1h + (low > 0xffffffff ? 1 : 0)) | 0
      v0l = low | 0
      let swap = (v1l << 13) | (v1h >>> 19)
      v1h = ((v1h << 13) | (v1l >>> 19)) ^ v0h
      v1l = swap ^ v0l
      swap = v0l
      v0l = v0h
      v0h = swap
      // v2 += v3; v3 = rotl(v3, 16) ^ v2
      low = (v2l >>> 0) + (v3l >>> 0)
      v2h = (v2h + v3h + (low > 0xffffffff ? 1 : 0)) | 0
      v2l = low | 0
      swap = (v3l << 16) | (v3h >>> 16)
      v3h = ((v3h << 16) | (v3l >>> 16)) ^ v2h
      v3l = swap ^ v2l
      // v0 += v3; v3 = rotl(v3, 21) ^ v0
      low = (v0l >>> 0) + (v3l >>> 0)
      v0h = (v0h + v3h + (low > 0xffffffff ? 1 : 0)) | 0
      v0l = low | 0
      swap = (v3l << 21) | (v3h >>> 11)
      v3h = ((v3h << 21) | (v3l >>> 11)) ^ v0h
      v3l = swap ^ v0l
      // v2 += v1; v1 = rotl(v1, 17) ^ v2; v2 = rotl(v2, 32)
      low = (v2l >>> 0) + (v1l >>> 0)
      v2h = (v2h + v1h + (low > 0xffffffff ? 1 : 0)) | 0
      v2l = low | 0
      swap = (v1l << 17) | (v1h >>> 15)
      v1h = ((v1h << 17) | (v1l >>> 15)) ^ v2h
      v1l = swap ^ v2l
      swap = v2l
      v2l = v2h
      v2h = swap
    }

    v0l ^= ml
    v0h ^= mh
    if (!takesIn) {
      const at = offset + (step - blocks) * 8
      writeWord(out, at, v0l ^ v1l ^ v2l ^ v3l)
      writeWord(out, at + 4, v0h ^ v1h ^ v2h ^ v3h)
    }
  }
}

function writeWord(out: Uint8Array, offset: number, word: number): void {
  out[offset] = word
  out[offset + 1] = word >>> 8
  out[offset + 2] = word >>> 16
  out[offset + 3] = word >>> 24
}
