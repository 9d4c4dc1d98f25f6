// `fences export`: every fence, one feature a line; into a file that is there only when it is whole.
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { finished } from 'node:stream/promises'
import { good, lines, send } from '../api.ts'
import { type Command, type Context, Refusal, TENANT } from '../command.ts'

export const fencesExport: Command = {
  name: 'fences export',
  summary: 'Writes every fence of a tenant, one GeoJSON feature a line; fences import takes it back',
  options: { tenant: TENANT, out: { value: 'FILE', help: 'where to; default: standard output' } },
  async run(context) {
    const { values, json, io } = context
    const file = values.text('out')
    if (file === undefined) {
      for await (const line of exportLines(context)) await io.out(line)
      return
    }
    const fences = await writeWhole(file, exportLines(context))
    await io.out(json ? JSON.stringify({ fences, file }) : `${fences} fences written to ${file}`)
  },
}

/** The tenant's fences as lines. @throws Refusal when not all of them came */
export async function* exportLines({ url, token, values, io }: Context): AsyncGenerator<string> {
  const path = `${values.tenantPath()}/fences:export`
  const answer = await good(await send({ url, token, path, signal: io.ended }))
  for await (const line of lines(answer)) {
    // The last line of an export that the node had to cut off.
    if (line.startsWith('{"error"')) throw new Refusal('the export was cut off by the node; try again')
    if (line !== '') yield line
  }
}

async function writeWhole(file: string, all: AsyncIterable<string>): Promise<number> {
  const part = `${file}.${process.pid}.part`
  const target = createWriteStream(part, { flags: 'wx' })
  const done = finished(target)
  done.catch(() => {})
  let count = 0
  try {
    for await (const line of all) {
      if (!target.write(`${line}\n`)) await Promise.race([once(target, 'drain'), done])
      count++
    }
    target.end()
    await done
    await rename(part, file)
    return count
  } catch (error) {
    target.destroy()
    await rm(part, { force: true })
    const { code } = error as NodeJS.ErrnoException
    throw error instanceof Refusal || code === undefined ? error : new Refusal(`cannot write ${file}: ${code}`)
  }
}
