// From words to an exit code: finds the command, runs it, says what went wrong and what to do next.
import { type Command, type Io, Refusal, readWords, UsageError } from './command.ts'
import { explain } from './commands/explain.ts'
import { fencesExport } from './commands/fences-export.ts'
import { fencesImport } from './commands/fences-import.ts'
import { fencesList } from './commands/fences-list.ts'
import { keysCreate, keysRevoke } from './commands/keys.ts'
import { privacyEvents, privacyList, privacyRequest, privacyShow } from './commands/privacy.ts'
import { simulate } from './commands/simulate.ts'
import { tail } from './commands/tail.ts'
import { helpOf, menuOf } from './help.ts'

export const COMMANDS: readonly Command[] = [
  fencesImport,
  fencesExport,
  fencesList,
  keysCreate,
  keysRevoke,
  tail,
  simulate,
  explain,
  privacyRequest,
  privacyShow,
  privacyList,
  privacyEvents,
]

const DEFAULT_URL = 'http://127.0.0.1:8081'

/** Runs one command line. Resolves with the exit code: 0 done, 1 refused or failed, 2 wrong usage. */
export async function run(
  words: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  io: Io,
): Promise<number> {
  const command = COMMANDS.find(({ name }) => name.split(' ').every((word, i) => words[i] === word))
  if (command === undefined) return menu(words, io)
  try {
    const { operand, values } = readWords(command, words.slice(command.name.split(' ').length))
    if (values.flag('help')) {
      await io.out(helpOf(command))
      return 0
    }
    const token = values.text('token') ?? env['FENCEPOST_ADMIN_TOKEN']
    await command.run({
      url: values.text('url') ?? env['FENCEPOST_URL'] ?? DEFAULT_URL,
      token: token === '' ? undefined : token,
      json: values.flag('json'),
      operand,
      values,
      io,
    })
    return 0
  } catch (error) {
    if (error instanceof UsageError) {
      io.err(`fencepost ${command.name}: ${error.message}`)
      io.err(`fencepost ${command.name} --help tells more`)
      return 2
    }
    const refusal = error instanceof Refusal ? error : new Refusal(textOf(error))
    if (words.includes('--json') && refusal.answer !== undefined) await io.out(JSON.stringify(refusal.answer))
    io.err(`fencepost ${command.name}: ${refusal.message}`)
    for (const line of refusal.lines) io.err(line)
    return 1
  }
}

async function menu(words: readonly string[], io: Io): Promise<number> {
  const [first = '--help', second] = words
  const group = COMMANDS.filter(({ name }) => name.startsWith(`${first} `))
  const shown = group.length > 0 ? group : COMMANDS
  const asked = words.length === 0 || first === '--help' || first === '-h' || first === 'help'
  if (asked || (group.length > 0 && (second === '--help' || second === '-h'))) {
    await io.out(menuOf(shown))
    return words.length === 0 ? 2 : 0
  }
  const said = words.slice(0, group.length > 0 ? 2 : 1).join(' ')
  io.err(
    `fencepost: there is no command ${JSON.stringify(said)}; there are: ${shown.map(({ name }) => name).join(', ')}`,
  )
  return 2
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
