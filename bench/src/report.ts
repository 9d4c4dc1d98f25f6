// Text tables for people, JSON files for machines.
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { dirname } from 'node:path'
import type { CaseResult } from './measure.ts'
import type { Quartiles } from './statistics.ts'

/** Lines of columns; the first column is flush left, the others right. */
export function renderTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => (row[column] ?? '').length)))
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ')
      .trimEnd()
  return [line(head), ...rows.map(line)].join('\n')
}

/** Three significant digits, never an exponent. */
export function brief(value: number): string {
  if (!Number.isFinite(value)) return '-'
  if (value === 0) return '0'
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))))
  return value.toFixed(Math.min(digits, 4))
}

/** `1.42 (1.38..1.45)`: the median and its quartiles. */
export function withQuartiles({ q1, median, q3 }: Quartiles): string {
  return `${median.toFixed(2)} (${q1.toFixed(2)}..${q3.toFixed(2)})`
}

/** One row an arm; the ratio says how many times the first arm's CPU the others take. */
export function renderCases(results: readonly CaseResult[]): string {
  const rows = results.flatMap((result) =>
    result.arms.map((arm, i) => [
      i === 0 ? result.name : '',
      arm.name,
      i === 0 ? result.unit : '',
      brief(arm.cpuNs.median),
      brief(arm.wallNs.median),
      arm.ratio === null ? '' : withQuartiles(arm.ratio),
    ]),
  )
  return renderTable(['case', 'arm', 'per', 'CPU ns', 'wall ns', 'CPU, times the first (quartiles)'], rows)
}

/** Writes a result with what is needed to judge it later. Times are stamped by the caller's clock. */
export function writeJson(path: string, result: unknown): void {
  mkdirSync(dirname(path), { recursive: true })
  const machine = { node: process.version, arch: process.arch, cpus: cpus().length, cpu: cpus()[0]?.model ?? null }
  writeFileSync(path, `${JSON.stringify({ at: new Date().toISOString(), machine, result }, null, 2)}\n`)
}

export function progress(line: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${line}`)
  else process.stderr.write(`${line}\n`)
}

/** Ends the progress line, so that the table begins on a line of its own. */
export function endProgress(): void {
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K')
}
