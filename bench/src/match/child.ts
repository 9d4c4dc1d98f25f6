// A process for one row: heaps of other rows do not disturb it, and what it leaves behind goes with it.
import type { ArmName } from './arms.ts'
import { type ComparisonResult, compare } from './comparison.ts'
import { prepareRow, type RowSpec } from './rows.ts'

export interface RowRequest {
  readonly kind: 'row'
  readonly row: RowSpec
  readonly arms: readonly ArmName[]
  readonly seconds: number
  readonly rounds: number
}

export type RowReply =
  | { readonly kind: 'progress'; readonly line: string }
  | { readonly kind: 'done'; readonly result: ComparisonResult; readonly peakMb: number }
  | { readonly kind: 'failed'; readonly message: string }

process.on('message', (request: RowRequest) => {
  void answer(request)
})

async function answer({ row, arms, seconds, rounds }: RowRequest): Promise<void> {
  const reply = (message: RowReply): void => {
    process.send?.(message)
  }
  const say = (line: string): void => reply({ kind: 'progress', line })
  try {
    say('making fences and pings')
    const result = await compare(prepareRow(row, arms), { seconds, rounds, say })
    reply({ kind: 'done', result, peakMb: Math.round(process.resourceUsage().maxRSS / 1024) })
  } catch (error) {
    reply({ kind: 'failed', message: error instanceof Error ? `${error.name}: ${error.message}` : String(error) })
  }
}
