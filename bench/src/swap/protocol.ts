// What the driver of the swap bench, its client and its node say to each other over IPC.

/** To the client. */
export type ClientOrder =
  | {
      readonly kind: 'start'
      readonly port: number
      readonly key: string
      readonly connections: number
      /** 0 = as fast as it goes. */
      readonly ratePerS: number
      /** About fences that every swap moves, and about others; sent in turn. */
      readonly moving: readonly Uint8Array[]
      readonly staying: readonly Uint8Array[]
    }
  /** Requests that are sent from now on count for this phase. */
  | { readonly kind: 'phase'; readonly phase: string }
  | { readonly kind: 'finish' }

/** What was answered to the requests of one phase. */
export interface PhaseResult {
  readonly phase: string
  /** From when they fell due, in ms. */
  readonly latencies: Float64Array
  readonly seconds: number
  /** Answers by the number of pings matched: of batches about moving fences, and about others. */
  readonly moving: Readonly<Record<string, number>>
  readonly staying: Readonly<Record<string, number>>
  /** Answers with an older state than an answer before on the same connection. */
  readonly backwards: number
  readonly failed: number
}

/** To the node. */
export type NodeOrder =
  | { readonly kind: 'reload'; readonly file: string }
  | { readonly kind: 'edit'; readonly count: number; readonly side: 'old' | 'new' }
