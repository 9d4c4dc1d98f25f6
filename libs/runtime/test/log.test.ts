import { expect, test } from 'vitest'
import { createLogger, type LogLevel } from '../src/index.ts'

function linesAt(level: LogLevel): string[] {
  const lines: string[] = []
  const logger = createLogger({ level, destination: { write: (line) => lines.push(line) } })
  logger.info({ port: 8080 }, 'listening')
  logger.warn({}, 'slow')
  logger.error({ error: 'broken' }, 'failed')
  return lines
}

test('a line is JSON with level as a word, ISO time, the fields and msg, and nothing about the host', () => {
  const [line] = linesAt('info') as [string]
  const { time, ...rest } = JSON.parse(line) as Record<string, unknown>
  expect(rest).toEqual({ level: 'info', port: 8080, msg: 'listening' })
  expect(time).toBe(new Date(String(time)).toISOString())
  expect(line.endsWith('}\n')).toBe(true)
})

test.each<[LogLevel, string[]]>([
  ['debug', ['info', 'warn', 'error']],
  ['info', ['info', 'warn', 'error']],
  ['warn', ['warn', 'error']],
  ['error', ['error']],
  ['silent', []],
])('level %s lets %j through', (level, expected) => {
  expect(linesAt(level).map((line) => (JSON.parse(line) as { level: string }).level)).toEqual(expected)
})
