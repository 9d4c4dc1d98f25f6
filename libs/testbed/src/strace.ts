// System calls of a process in the order in which they happened: for tests of what is on disk before an answer leaves.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { aptInstall, hasApt, isRoot } from './apt.ts'
import { startProcess, succeeds } from './process.ts'
import { removeFolder, tempFolder } from './temp.ts'

/** One system call. `began` and `ended` are line numbers of the trace: a call has ended before another began if it is smaller. */
export interface SystemCall {
  readonly pid: number
  readonly name: string
  /** As strace prints them, strings cut to `stringBytes`. */
  readonly args: string
  /** As strace prints it (`0`, `-1 EAGAIN (…)`), or `?` when the process ended inside the call. */
  readonly result: string
  /** Epoch seconds at which it began. */
  readonly timeS: number
  readonly began: number
  readonly ended: number
}

export interface StraceOptions {
  /** Names for `-e trace=`, such as `fdatasync`, `writev`. */
  readonly calls: readonly string[]
  /** How much of a string argument is printed; default 64. */
  readonly stringBytes?: number
}

/** A trace that is being written. */
export interface Trace {
  /** Detaches (or waits for the traced command, which must have been ended) and returns every call. */
  finish(): Promise<SystemCall[]>
}

/** The path of strace, installed where we may. Throws with the reason when it cannot be had. */
export async function findStrace(): Promise<string> {
  if (await succeeds('strace', ['-V'])) return 'strace'
  if (!hasApt() || !isRoot()) throw new Error('strace is not here, and neither is root with apt')
  await aptInstall(['strace'])
  return 'strace'
}

/** Traces a running process and all its threads. Resolves once it is attached. */
export async function straceAttach(pid: number, options: StraceOptions): Promise<Trace> {
  const folder = tempFolder('strace')
  const file = join(folder, 'trace')
  const tracer = await startProcess({ command: await findStrace(), args: [...flags(options, file), '-p', `${pid}`] })
  await tracer.waitForLine((line) => line.includes('attached'), 20_000)
  return {
    async finish() {
      tracer.signal('SIGINT')
      await tracer.waitForEnd(20_000)
      return take(folder, file)
    },
  }
}

/** Runs a command under strace to its end and returns its calls. Rejects when it takes longer than `deadlineMs`. */
export async function straceRun(
  command: string,
  args: readonly string[],
  options: StraceOptions,
  deadlineMs: number,
): Promise<SystemCall[]> {
  const folder = tempFolder('strace')
  const file = join(folder, 'trace')
  const tracer = await startProcess({
    command: await findStrace(),
    args: [...flags(options, file), '--', command, ...args],
  })
  try {
    await tracer.waitForEnd(deadlineMs)
  } catch (error) {
    await tracer.kill9()
    throw error
  }
  return take(folder, file)
}

function flags({ calls, stringBytes = 64 }: StraceOptions, file: string): string[] {
  return ['-f', '-ttt', '-yy', '-s', `${stringBytes}`, '-e', `trace=${calls.join(',')}`, '-o', file]
}

function take(folder: string, file: string): SystemCall[] {
  const calls = existsSync(file) ? parseStrace(readFileSync(file, 'utf8')) : []
  removeFolder(folder)
  return calls
}

const WHOLE = /^(\d+)\s+(\d+\.\d+) (\w+)\((.*)\)\s+= (.*)$/
const UNFINISHED = /^(\d+)\s+(\d+\.\d+) (\w+)\((.*?)\s*<unfinished \.\.\.>$/
const RESUMED = /^(\d+)\s+(\d+\.\d+) <\.\.\. (\w+) resumed>(.*)\)\s+= (.*)$/

/** Parses the output of `strace -f -ttt -o`, joining calls that were interrupted by another thread's. Ordered by their end. */
export function parseStrace(text: string): SystemCall[] {
  const calls: SystemCall[] = []
  const open = new Map<string, { timeS: number; args: string; began: number }>()
  const lines = text.split('\n')
  for (let line = 0; line < lines.length; line++) {
    const row = lines[line] as string
    const resumed = RESUMED.exec(row)
    if (resumed !== null) {
      const [, pid, time, name, rest, result] = resumed as unknown as [string, string, string, string, string, string]
      const start = open.get(`${pid} ${name}`)
      open.delete(`${pid} ${name}`)
      const { timeS, args, began } = start ?? { timeS: Number(time), args: '', began: line }
      calls.push({ pid: Number(pid), name, args: args + rest, result, timeS, began, ended: line })
      continue
    }
    const unfinished = UNFINISHED.exec(row)
    if (unfinished !== null) {
      const [, pid, time, name, args] = unfinished as unknown as [string, string, string, string, string]
      open.set(`${pid} ${name}`, { timeS: Number(time), args, began: line })
      continue
    }
    const whole = WHOLE.exec(row)
    if (whole === null) continue
    const [, pid, time, name, args, result] = whole as unknown as [string, string, string, string, string, string]
    calls.push({ pid: Number(pid), name, args, result, timeS: Number(time), began: line, ended: line })
  }
  return calls
}
