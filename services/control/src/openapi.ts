// The OpenAPI 3.1 document of the table of routes, and a page for people.
import { PROBLEMS } from './problem.ts'
import type { Route } from './routes.ts'

/** The document. What the table does not say is not in it. */
export function openApiOf(routes: readonly Route[]): Readonly<Record<string, unknown>> {
  const paths: Record<string, Record<string, unknown>> = {}
  for (const route of routes) {
    const path = route.path.replace(/:(\w+)(?=\/|$)/g, '{$1}')
    paths[path] = { ...paths[path], [route.method]: operationOf(route) }
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Fencepost control', version: '1', license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } },
    paths,
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
      schemas: {
        Problem: {
          type: 'object',
          required: ['type', 'title', 'status', 'detail'],
          properties: {
            type: { type: 'string' },
            title: { type: 'string' },
            status: { type: 'integer' },
            detail: { type: 'string' },
          },
        },
      },
    },
  }
}

function operationOf(route: Route): Readonly<Record<string, unknown>> {
  const names = [...route.path.matchAll(/:(\w+)(?=\/|$)/g)].map(([, name]) => name)
  const parameters = [
    ...names.map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' } })),
    ...Object.entries(route.query ?? {}).map(([name, description]) => ({
      name,
      in: 'query',
      description,
      schema: { type: 'string' },
    })),
  ]
  const problems = new Set(route.role === 'anybody' ? route.problems : [...route.problems, 'unauthorized' as const])
  const byStatus = new Map<number, string[]>()
  for (const code of problems)
    byStatus.set(PROBLEMS[code].status, [...(byStatus.get(PROBLEMS[code].status) ?? []), code])
  const responses: Record<string, unknown> = {}
  for (const status of route.answers) responses[status] = { description: 'done' }
  for (const [status, codes] of [...byStatus].sort(([a], [b]) => a - b))
    responses[status] = {
      description: codes.join(', '),
      content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
    }
  return {
    summary: route.summary,
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(route.body === undefined ? {} : { requestBody: { content: { [route.body.type]: {} } } }),
    responses,
    security: route.role === 'anybody' ? [] : [{ token: [] }],
    'x-role': route.role,
  }
}

/** A page that lists the routes; it needs nothing from anywhere else. */
export function docsPageOf(routes: readonly Route[]): string {
  const rows = routes.map((route) => {
    const query = Object.entries(route.query ?? {}).map(
      ([name, help]) => `<li><code>${name}</code> ${escaped(help)}</li>`,
    )
    const list = query.length === 0 ? '' : `<ul>${query.join('')}</ul>`
    return `<tr><td><code>${route.method.toUpperCase()} ${escaped(route.path)}</code></td><td>${route.role}</td><td>${escaped(route.summary)}${list}</td></tr>`
  })
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Fencepost control</title>
<style>body{font:16px/1.5 system-ui,sans-serif;margin:2rem;max-width:70rem}td{padding:.4rem .8rem;vertical-align:top;border-top:1px solid #ccc}code{font-size:.9em}</style>
<h1>Fencepost control</h1><p>Send <code>authorization: Bearer &lt;admin token&gt;</code>. Errors are problem documents (RFC 9457). As a document: <a href="/v1/openapi.json">OpenAPI 3.1</a>.</p>
<table><tr><th>route</th><th>least role</th><th>what it does</th></tr>${rows.join('\n')}</table></html>
`
}

function escaped(text: string): string {
  return text.replace(/[&<>]/g, (character) => `&#${character.charCodeAt(0)};`)
}
