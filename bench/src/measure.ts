// Compares ways of doing one thing by CPU time: arms take turns in one process (A B C, C B A), each turn must give the same
// checksum, and what is reported is the median of the ratios of the rounds. The first arm is what the others are compared with.
import { type Quartiles, quartiles } from './statistics.ts'

/** One way to do it. A pass works through the whole data of the case and returns a checksum of what came out. */
export interface Arm {
  readonly name: string
  readonly pass: () => number | Promise<number>
}

export interface Case {
  readonly name: string
  /** What one operation is: `ping`, `batch`, `event`. */
  readonly unit: string
  /** Operations in one pass. */
  readonly operations: number
  readonly arms: readonly [Arm, ...Arm[]]
}

export interface MeasureOptions {
  /** Time for the rounds of one case, warm-up not included. */
  readonly seconds: number
  readonly rounds: number
}

export interface ArmResult {
  readonly name: string
  /** CPU of the whole process for one operation, all its threads. */
  readonly cpuNs: Quartiles
  /** The wall's time for the same. */
  readonly wallNs: Quartiles
  /** CPU of this arm over that of the first, round by round; null for the first. */
  readonly ratio: Quartiles | null
  /** CPU of one operation in each round, for ratios between any two arms. */
  readonly cpuNsByRound: readonly number[]
}

export interface CaseResult {
  readonly name: string
  readonly unit: string
  readonly rounds: number
  readonly checksum: number
  readonly arms: readonly ArmResult[]
}

/** Arms that should agree did not: whatever they measured, it was not the same work. */
export class ChecksumError extends Error {
  constructor(where: string, expected: number, got: number) {
    super(`${where}: checksum ${got}, expected ${expected}`)
    this.name = 'ChecksumError'
  }
}

/** Measures CPU and wall in nanoseconds. Replaced in tests. */
export interface Stopwatch {
  cpuNs(): number
  wallNs(): number
}

export const processStopwatch: Stopwatch = {
  cpuNs() {
    const { user, system } = process.cpuUsage()
    return (user + system) * 1000
  },
  wallNs: () => Number(process.hrtime.bigint()),
}

const WARM_UP_SHARE = 0.2

/**
 * Runs one case.
 *
 * @throws ChecksumError as soon as a pass of any arm gives another checksum than the first pass of the first arm
 */
export async function measure(
  subject: Case,
  options: MeasureOptions,
  stopwatch: Stopwatch = processStopwatch,
): Promise<CaseResult> {
  const { arms, operations } = subject
  const checksum = await arms[0].pass()
  const slotNs = (options.seconds * 1e9) / options.rounds / (2 * arms.length)
  const passes: number[] = []
  for (const arm of arms) passes.push(await warmUp(arm, slotNs))

  const cpu = arms.map((): number[] => [])
  const wall = arms.map((): number[] => [])
  const ratios = arms.map((): number[] => [])
  for (let round = 0; round < options.rounds; round++) {
    const sums = arms.map(() => ({ cpu: 0, wall: 0 }))
    for (const i of thereAndBack(arms.length)) {
      const sum = sums[i] as { cpu: number; wall: number }
      const count = passes[i] as number
      const cpuBegan = stopwatch.cpuNs()
      const wallBegan = stopwatch.wallNs()
      await run(arms[i] as Arm, count)
      sum.wall += (stopwatch.wallNs() - wallBegan) / (2 * count * operations)
      sum.cpu += (stopwatch.cpuNs() - cpuBegan) / (2 * count * operations)
    }
    const base = (sums[0] as { cpu: number }).cpu
    for (const [i, sum] of sums.entries()) {
      cpu[i]?.push(sum.cpu)
      wall[i]?.push(sum.wall)
      ratios[i]?.push(sum.cpu / base)
    }
  }
  return {
    name: subject.name,
    unit: subject.unit,
    rounds: options.rounds,
    checksum,
    arms: arms.map(({ name }, i) => ({
      name,
      cpuNs: quartiles(cpu[i] as number[]),
      wallNs: quartiles(wall[i] as number[]),
      ratio: i === 0 ? null : quartiles(ratios[i] as number[]),
      cpuNsByRound: cpu[i] as number[],
    })),
  }

  async function run(arm: Arm, count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      const result = arm.pass()
      const got = typeof result === 'number' ? result : await result
      if (got !== checksum) throw new ChecksumError(`${subject.name}, ${arm.name}`, checksum, got)
    }
  }

  /** Runs the arm until it is warm; returns how many passes fill a slot. */
  async function warmUp(arm: Arm, forNs: number): Promise<number> {
    const halfNs = (forNs * options.rounds * WARM_UP_SHARE) / 2
    await timePasses(arm, halfNs) // begins in the interpreter, so it says nothing about the speed
    return Math.max(1, Math.round(forNs / (await timePasses(arm, halfNs))))
  }

  /** Runs passes for at least `forNs`; returns the wall's time of one. */
  async function timePasses(arm: Arm, forNs: number): Promise<number> {
    const began = stopwatch.wallNs()
    for (let count = 1; ; count++) {
      await run(arm, 1)
      const spent = stopwatch.wallNs() - began
      if (spent >= forNs) return Math.max(1, spent / count)
    }
  }
}

/** How many times the CPU of arm `b` arm `a` takes: round by round, then the median of the rounds. */
export function timesOf(a: Pick<ArmResult, 'cpuNsByRound'>, b: Pick<ArmResult, 'cpuNsByRound'>): Quartiles {
  return quartiles(a.cpuNsByRound.map((cpu, round) => cpu / (b.cpuNsByRound[round] as number)))
}

function* thereAndBack(count: number): Generator<number> {
  for (let i = 0; i < count; i++) yield i
  for (let i = count - 1; i >= 0; i--) yield i
}
