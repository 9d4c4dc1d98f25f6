// Control, composed: the table of its routes on somebody's server.
import type { Clock, FenceFeed, Logger } from '@fencepost/model'
import type { HttpServer } from '@fencepost/server'
import { createAccess } from './access.ts'
import { type ExplainLimits, type ExplainMoment, explainRoute } from './explain.ts'
import { fenceRoutes } from './fences.ts'
import { importRoute } from './import.ts'
import { docsPageOf, openApiOf } from './openapi.ts'
import { otherRoutes } from './others.ts'
import { type PrivacyKit, privacyRoutes } from './privacy.ts'
import { type Route, serveRoutes } from './routes.ts'
import { createWriter } from './writer.ts'

export interface ControlParts {
  readonly feed: FenceFeed
  readonly logger: Logger
  /** The owner's; without one everybody is the owner. */
  readonly adminToken: string | undefined
  /** False: fences come from a file. */
  readonly fencesWritable: boolean
  /** What explanations are made of; null where there is no index. */
  readonly explain: {
    readonly moment: (tenant: string) => ExplainMoment | Promise<ExplainMoment>
    readonly limits: ExplainLimits
  } | null
  /** What people ask about their data; null where no records of devices can be reached. */
  readonly privacy: PrivacyKit | null
  readonly clock?: Clock
}

/** The table of routes. */
export function controlRoutes(parts: ControlParts): Route[] {
  const { feed, fencesWritable: writable, explain, clock = Date.now } = parts
  const writer = createWriter(feed, clock)
  const routes: Route[] = [
    ...fenceRoutes({ feed, writer, writable }),
    importRoute({ feed, writer, writable }),
    ...otherRoutes({ feed, writer, clock }),
    ...(parts.privacy === null ? [] : privacyRoutes({ feed, writer, kit: parts.privacy, clock })),
    ...(explain === null
      ? []
      : [
          explainRoute({
            ...explain,
            clock,
            kit: parts.privacy,
            note: (principal, what, tenant) => writer.write(principal, { what, tenant }, () => []),
          }),
        ]),
  ]
  const document: Route = {
    method: 'get',
    path: '/v1/openapi.json',
    role: 'anybody',
    summary: 'This API as OpenAPI 3.1',
    answers: [200],
    problems: [],
    handle: async () => ({ status: 200, json: openApiOf(all) }),
  }
  const page: Route = {
    method: 'get',
    path: '/docs',
    role: 'anybody',
    summary: 'This API as a page',
    answers: [200],
    problems: [],
    handle: async () => ({ status: 200, text: docsPageOf(all), contentType: 'text/html; charset=utf-8' }),
  }
  const all = [...routes, document, page]
  return all
}

/** Serves them. The feed is the caller's to start and stop. */
export function addControlRoutes(server: HttpServer, parts: ControlParts): void {
  const { feed, logger, adminToken, clock = Date.now } = parts
  serveRoutes(server, controlRoutes(parts), createAccess(feed, adminToken, clock), logger)
}
