// One document put or removed, in one step, if what is there is what the caller has seen.
import type { DocName, FenceFeed } from '@fencepost/model'
import { Problem } from './problem.ts'
import { checkPrecondition, etagOf } from './read.ts'
import type { Answer, Request } from './routes.ts'
import type { Writer } from './writer.ts'

export interface Documents {
  put(request: Request, name: DocName, body: string): Promise<Answer>
  remove(request: Request, name: DocName): Promise<Answer>
}

export function createDocuments(feed: FenceFeed, writer: Writer): Documents {
  return {
    async put(request, name, body) {
      let created = false
      const audit = { what: `put ${name.kind} ${name.id}`, tenant: name.tenant }
      const seq = await writer.write(request.principal, audit, async () => {
        const before = await feed.get(name)
        checkPrecondition(request, before?.seq ?? null)
        created = before === null
        return [{ ...name, body }]
      })
      return { status: created ? 201 : 200, json: { seq }, etag: etagOf(seq) }
    },
    async remove(request, name) {
      const audit = { what: `delete ${name.kind} ${name.id}`, tenant: name.tenant }
      const seq = await writer.write(request.principal, audit, async () => {
        const before = await feed.get(name)
        if (before === null) throw new Problem('not_found')
        checkPrecondition(request, before.seq)
        return [{ ...name, body: null }]
      })
      return { status: 200, json: { seq } }
    },
  }
}
