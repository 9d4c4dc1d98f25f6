// `fences import`: a file as the body of one request, streamed from disk.
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { call, faultLine } from '../api.ts'
import { type Command, Refusal, TENANT } from '../command.ts'

interface ImportReport {
  readonly rows: number
  readonly valid: number
  readonly invalid: number
  readonly imported: number
  readonly seq: number
  readonly errors: readonly Readonly<Record<string, unknown>>[]
  readonly more_errors: number
}

export const fencesImport: Command = {
  name: 'fences import',
  operand: 'FILE',
  summary: 'Adds or replaces the fences of a GeoJSON file: a FeatureCollection, or Features in lines',
  options: {
    tenant: TENANT,
    mode: { value: 'MODE', help: 'all (default): all or nothing; best: those that are valid' },
    'dry-run': { help: 'checks the file and changes nothing' },
  },
  async run({ url, token, json, operand, values, io }) {
    const mode = values.choice('mode', ['all', 'best'])
    const dryRun = values.flag('dry-run')
    const path = `${values.tenantPath()}/fences:import?mode=${mode}${dryRun ? '&dry_run=true' : ''}`
    const file = await stat(operand).catch((error: NodeJS.ErrnoException) => {
      throw new Refusal(`cannot read ${operand}: ${error.code ?? error.message}`)
    })
    if (!file.isFile()) throw new Refusal(`${operand} is not a file`)
    const from = file.size === 0 ? '' : createReadStream(operand, { end: file.size - 1 })
    const body = { type: 'application/geo+json', bytes: file.size, from }
    const report = await call<ImportReport>({ url, token, method: 'POST', path, body, signal: io.ended })
    if (json) return io.out(JSON.stringify(report))
    const { rows, valid, invalid, imported, errors, more_errors: more, seq } = report
    await io.out(
      `${rows} rows: ${valid} valid, ${invalid} not; ${dryRun ? 'a dry run, nothing was' : imported} imported`,
    )
    for (const fault of errors) await io.out(faultLine(fault))
    if (more > 0) await io.out(`  and ${more} more`)
    if (imported > 0) await io.out(`in force from step ${seq} of the feed on`)
  },
}
