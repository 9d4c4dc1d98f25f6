// What the windows of a row say: medians, ratios round by round, and what speaks against believing them.
import { brief, renderTable, withQuartiles } from '../report.ts'
import { type Quartiles, quartiles } from '../statistics.ts'
import type { RowResult } from './drive.ts'
import type { ServerName } from './servers.ts'
import type { Window } from './window.ts'

export interface RowSummary {
  readonly row: string
  readonly load: 'fixed' | 'flat'
  readonly ratePerS: number
  readonly threadCount: number
  readonly bodyBytes: number
  readonly matched: number
  /** Node's CPU a request over the floor's, round by round; null without a floor. */
  readonly ratio: Quartiles | null
  readonly target: number | null
  readonly node: ServerSummary
  /** Node's CPU a request with several threads over that with one, round by round; null where that was not asked. */
  readonly threadsRatio: Quartiles | null
  readonly threads: ServerSummary | null
  readonly floor: ServerSummary | null
  /** Why the row must not be believed; empty = nothing wrong. */
  readonly faults: readonly string[]
}

/** Medians over the windows. */
export interface ServerSummary {
  readonly requestsPerS: number
  readonly pingsPerS: number
  readonly cpuUsPerRequest: number
  readonly cpuUsPerPing: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly p999Ms: number
  readonly idleUsPerS: number
  readonly rssBytes: number
  readonly clientLoad: number
  readonly failures: number
}

/** Share of the asked rate below which the row counts as not measured at that rate. */
const LEAST_RATE_SHARE = 0.97

export function summarise(result: RowResult): RowSummary {
  const { row, load, ratePerS, threadCount, bodyBytes, matched, node, threads, floor } = result
  const summaryOf = (name: ServerName): ServerSummary | null =>
    result[name].length === 0
      ? null
      : summariseServer(result[name], row.pings, result.idleUsPerS[name], result.rssBytes[name])
  const nodeSummary = summaryOf('node') as ServerSummary
  const threadsSummary = summaryOf('threads')
  const floorSummary = summaryOf('floor')
  const ratios = floor.map((window, i) => (node[i] as Window).cpuUsPerRequest / window.cpuUsPerRequest)
  const threadsRatios = threads.map((window, i) => window.cpuUsPerRequest / (node[i] as Window).cpuUsPerRequest)
  return {
    row: row.name,
    load,
    ratePerS,
    threadCount,
    bodyBytes,
    matched,
    ratio: floorSummary === null ? null : quartiles(ratios),
    target: load === 'fixed' ? row.target : null,
    node: nodeSummary,
    threadsRatio: threadsSummary === null ? null : quartiles(threadsRatios),
    threads: threadsSummary,
    floor: floorSummary,
    faults: faultsOf({ ratePerS, threadCount, node, floor, nodeSummary, threadsSummary, floorSummary }),
  }
}

function summariseServer(
  windows: readonly Window[],
  pings: number,
  idleUsPerS: number,
  rssBytes: number,
): ServerSummary {
  const median = (pick: (window: Window) => number): number => quartiles(windows.map(pick)).median
  const requestsPerS = median((window) => window.requests / window.seconds)
  const cpuUsPerRequest = median((window) => window.cpuUsPerRequest)
  return {
    requestsPerS,
    pingsPerS: requestsPerS * pings,
    cpuUsPerRequest,
    cpuUsPerPing: cpuUsPerRequest / pings,
    p50Ms: median((window) => window.p50),
    p99Ms: median((window) => window.p99),
    p999Ms: median((window) => window.p999),
    idleUsPerS,
    rssBytes,
    clientLoad: median((window) => window.clientLoad),
    failures: windows.reduce((sum, { non2xx, errors, timeouts }) => sum + non2xx + errors + timeouts, 0),
  }
}

function faultsOf(parts: {
  ratePerS: number
  threadCount: number
  node: readonly Window[]
  floor: readonly Window[]
  nodeSummary: ServerSummary
  threadsSummary: ServerSummary | null
  floorSummary: ServerSummary | null
}): string[] {
  const { ratePerS, threadCount, node, floor, nodeSummary, threadsSummary, floorSummary } = parts
  const faults: string[] = []
  for (const [name, summary, asked] of [
    ['node', nodeSummary, ratePerS],
    ['node with several threads', threadsSummary, ratePerS * threadCount],
    ['floor', floorSummary, ratePerS],
  ] as const) {
    if (summary === null) continue
    if (summary.failures > 0) faults.push(`${summary.failures} requests to the ${name} failed`)
    if (asked > 0 && summary.requestsPerS < asked * LEAST_RATE_SHARE)
      faults.push(`the ${name} got ${brief(summary.requestsPerS)}/s of ${asked}/s`)
  }
  // The floor must answer the same bytes: heads and bodies of one size.
  const sizes = [node, floor].map((windows) => new Set(windows.map((window) => window.answerBytes / window.requests)))
  if (floor.length > 0 && faults.length === 0 && new Set(sizes.flatMap((set) => [...set])).size > 1)
    faults.push(`answers differ in size: node ${[...(sizes[0] ?? [])]}, floor ${[...(sizes[1] ?? [])]} bytes`)
  return faults
}

/** The table of one kind of load. */
export function renderSummaries(summaries: readonly RowSummary[]): string {
  const rows = summaries.flatMap((summary) => {
    const { row, ratePerS, threadCount, ratio, target, node, threads, threadsRatio, floor } = summary
    const verdict = ratio === null || target === null ? '' : `${ratio.median <= target ? 'within' : 'OVER'} ${target}`
    const line = (name: string, what: string, server: ServerSummary, last: readonly string[]): string[] => [
      name,
      what,
      ratePerS === 0 ? 'flat' : String(what === 'threads' ? ratePerS * threadCount : ratePerS),
      brief(server.requestsPerS),
      brief(server.pingsPerS),
      server.p50Ms.toFixed(2),
      server.p99Ms.toFixed(2),
      server.p999Ms.toFixed(2),
      brief(server.cpuUsPerRequest),
      brief(server.cpuUsPerPing),
      brief(server.idleUsPerS / 1000),
      String(Math.round(server.rssBytes / 1e6)),
      String(server.failures),
      ...last,
    ]
    return [
      line(row, 'node', node, [ratio === null ? '' : withQuartiles(ratio), verdict]),
      ...(threads === null
        ? []
        : [
            line('', 'threads', threads, [
              threadsRatio === null ? '' : `${withQuartiles(threadsRatio)} of one thread`,
              '',
            ]),
          ]),
      ...(floor === null ? [] : [line('', 'floor', floor, ['', ''])]),
    ]
  })
  const head = ['row', '', 'rate', 'req/s', 'pings/s', 'p50 ms', 'p99', 'p99.9', 'CPU us/req', 'us/ping']
  return renderTable([...head, 'idle ms/s', 'RSS MB', 'failed', 'CPU, times the floor', 'target'], rows)
}
