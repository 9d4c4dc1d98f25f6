// UTF-8 without making a string: is this range well-formed (RFC 3629: no overlong form, no surrogate, nothing above U+10FFFF)?

export function isUtf8(bytes: Uint8Array, start: number, length: number): boolean {
  const end = start + length
  let p = start
  while (p < end) {
    const b = bytes[p++] as number
    if (b < 0x80) continue
    let more: number
    let low = 0x80
    let high = 0xbf
    if (b >= 0xc2 && b <= 0xdf) more = 1
    else if (b >= 0xe0 && b <= 0xef) {
      more = 2
      if (b === 0xe0) low = 0xa0
      else if (b === 0xed) high = 0x9f
    } else if (b >= 0xf0 && b <= 0xf4) {
      more = 3
      if (b === 0xf0) low = 0x90
      else if (b === 0xf4) high = 0x8f
    } else return false
    if (p + more > end) return false
    const second = bytes[p] as number
    if (second < low || second > high) return false
    for (let i = 1; i < more; i++) if (((bytes[p + i] as number) & 0xc0) !== 0x80) return false
    p += more
  }
  return true
}
