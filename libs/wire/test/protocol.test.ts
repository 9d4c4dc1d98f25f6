// PROTOCOL.md says what the code does: its tables of reasons, its example, its limits.
import { Buffer } from 'node:buffer'
import { readFileSync } from 'node:fs'
import { DEFAULT_LIMITS, LIMITS, PING_REASONS, REQUEST_REASONS, type Reason } from '@fencepost/model'
import { describe, expect, test } from 'vitest'
import { decode, OPTIONS } from './support.ts'

const document = readFileSync(new URL('../PROTOCOL.md', import.meta.url), 'utf8')

/** The section that begins with this heading. */
function section(heading: string): string {
  const text = document.split(/^## /m).find((part) => part.startsWith(heading))
  if (text === undefined) throw new Error(`no section ${heading}`)
  return text
}

/** As they are to stand in the document: paste what the test prints. */
function rows(reasons: Readonly<Record<string, Reason>>): string[] {
  return Object.entries(reasons).map(
    ([code, { status, retryable, help }]) => `| \`${code}\` | ${status} | ${retryable ? 'yes' : 'no'} | ${help} |`,
  )
}

describe('PROTOCOL.md', () => {
  test.each([
    ['5 The answer', PING_REASONS],
    ['6 Errors', REQUEST_REASONS],
  ])('lists in section %s the reasons as the model has them', (heading, reasons) => {
    const listed = section(heading)
      .split('\n')
      .filter((line) => line.startsWith('| `'))
    expect(listed).toEqual(rows(reasons))
  })

  test('has an example that is accepted as a whole', () => {
    const [, example] = /```json\n([\s\S]+?)```/.exec(document) ?? []
    const { sent } = JSON.parse(example ?? '') as { sent: number }
    expect(sent).toBeGreaterThan(0)
    expect(decode(Buffer.from(example ?? ''), 'json')).toMatchObject({
      batch: 'b-17',
      consent: true,
      pings: [{ ref: 'p-1' }, { latE7: 407_128_000 }, { kind: 'ibeacon' }],
    })
  })

  test('names the limits that the code has', () => {
    const limits = section('4 Limits')
    const thousands = (value: number) => value.toLocaleString('en-US')
    for (const fact of [
      `${DEFAULT_LIMITS.bodyBytes / 1024} KiB`,
      `${DEFAULT_LIMITS.inflatedBytes / 1024 / 1024} MiB`,
      `| pings a batch | ${thousands(DEFAULT_LIMITS.pingsPerBatch)} `,
      `| ${LIMITS.depth} | \`too_deep\``,
      `| ${LIMITS.containerItems} | \`malformed_body\``,
      `| ${thousands(LIMITS.stringBytes)} bytes | \`malformed_body\``,
    ]) {
      expect(limits).toContain(fact)
    }
    expect(document).toContain(`1..${LIMITS.deviceBytes} bytes`)
    expect(document).toContain(`1..${LIMITS.batchIdBytes} bytes: the client's id of this batch`)
    expect(document).toContain(`1..${LIMITS.refBytes} bytes: the client's id of this ping`)
    expect(OPTIONS.maxPings).toBe(DEFAULT_LIMITS.pingsPerBatch)
  })
})
