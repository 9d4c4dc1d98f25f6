// What an integration test asks for, and what global-setup.ts found for it. A suite whose need is not met is skipped, with
// the reason in its name.
import { describe, inject } from 'vitest'

/** `kafka`, `redis`: the shared servers. `kafka-cluster`: the means to start brokers of one's own with `startKafka`. */
export type Need = 'kafka' | 'redis' | 'kafka-cluster'

/** What global-setup.ts found: where it is ("host:port"; empty for `kafka-cluster`), or why there is none. */
export type Provided = { readonly address: string } | { readonly unavailable: string }

declare module 'vitest' {
  interface ProvidedContext {
    kafka: Provided
    redis: Provided
    'kafka-cluster': Provided
  }
}

/**
 * A suite that needs a real server: `needs('kafka', 'the sink', (bootstrap) => { test(…) })`. Call it as written here, with
 * the need as a literal: global-setup.ts looks for it in the selected files and starts nothing that none of them asks for.
 */
export function needs(need: Need, name: string, suite: (address: string) => void): void {
  const provided = inject(need)
  if ('address' in provided) describe(name, () => suite(provided.address))
  else describe.skip(`${name} (skipped: ${provided.unavailable})`, () => suite(''))
}
