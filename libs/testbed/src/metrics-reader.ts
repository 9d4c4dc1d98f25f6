// Reads /metrics and holds it against the two laws that the counters obey.
import { HttpConnection } from './http-client.ts'

/** Values by name with labels, as they are printed: `fencepost_pings_rejected_total{reason="stale"}`. */
export type Metrics = ReadonlyMap<string, number>

export async function readMetrics(adminPort: number): Promise<Metrics> {
  const connection = new HttpConnection(adminPort)
  try {
    const { status, body } = await connection.get('/metrics')
    if (status !== 200) throw new Error(`/metrics answered ${status}`)
    const lines = body.toString().split('\n')
    return new Map(
      lines
        .filter((line) => line !== '' && !line.startsWith('#'))
        .map((line) => {
          const space = line.lastIndexOf(' ')
          return [line.slice(0, space), Number(line.slice(space + 1))]
        }),
    )
  } finally {
    connection.close()
  }
}

/** Sum over every label of a metric; throws where there is none of that name. */
export function total(metrics: Metrics, name: string): number {
  const values = [...metrics].filter(([key]) => key === name || key.startsWith(`${name}{`)).map(([, value]) => value)
  if (values.length === 0) throw new Error(`/metrics has no ${name}`)
  return values.reduce((sum, value) => sum + value, 0)
}

/** Both sides of both laws, for a node that nothing is on its way in. */
export function laws(metrics: Metrics): { pings: [number, number]; requests: [number, number] } {
  const sum = (...names: string[]): number => names.reduce((all, name) => all + total(metrics, `fencepost_${name}`), 0)
  return {
    pings: [
      sum('pings_decoded_total'),
      sum('pings_accepted_total', 'pings_rejected_total', 'pings_failed_total', 'pings_pending'),
    ],
    requests: [
      sum('requests_total'),
      sum('requests_answered_total', 'requests_refused_total', 'requests_aborted_total'),
    ],
  }
}
