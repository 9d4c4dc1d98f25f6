// The pages of --help, made from the table of commands.
import { COMMON, type Command } from './command.ts'
import { table } from './table.ts'

const EXITS = 'Exit code: 0 done, 1 refused or failed, 2 wrong usage.'

/** The page of one command. */
export function helpOf(command: Command): string {
  const { name, operand, options, summary, notes = [] } = command
  const required = Object.entries(options)
    .filter(([, { required }]) => required === true)
    .map(([key, { value }]) => ` --${key}${value === undefined ? '' : ` ${value}`}`)
  const usage = `fencepost ${name}${operand === undefined ? '' : ` ${operand}`}${required.join('')} [options]`
  const rows = Object.entries({ ...options, ...COMMON }).map(([key, { value, help, required }]) => [
    `  --${key}${value === undefined ? '' : ` ${value}`}`,
    required === true ? `${help} (required)` : help,
  ])
  const [, ...lines] = table(['', ''], rows)
  return [
    `Usage: ${usage}`,
    '',
    `${summary}.`,
    '',
    ...lines,
    ...(notes.length === 0 ? [] : ['', ...notes]),
    '',
    EXITS,
  ].join('\n')
}

/** The page of several: all of them, or those that begin with one word. */
export function menuOf(commands: readonly Command[]): string {
  const [, ...lines] = table(
    ['', ''],
    commands.map(({ name, operand, summary }) => [
      `  fencepost ${name}${operand === undefined ? '' : ` ${operand}`}`,
      summary,
    ]),
  )
  const [, ...common] = table(
    ['', ''],
    Object.entries(COMMON).map(([key, { value, help }]) => [
      `  --${key}${value === undefined ? '' : ` ${value}`}`,
      help,
    ]),
  )
  return [
    'Usage: fencepost COMMAND [options]',
    '',
    ...lines,
    '',
    ...common,
    '',
    'fencepost COMMAND --help tells more of each.',
    EXITS,
  ].join('\n')
}
