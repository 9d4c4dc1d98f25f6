// Is there a Docker daemon? The CLI alone says nothing.
import { succeeds } from './process.ts'

let answer: Promise<boolean> | undefined

/** Does `docker info` answer within ten seconds? Asked once a process. Host networking is needed too, so Linux only. */
export function hasDocker(): Promise<boolean> {
  answer ??= process.platform === 'linux' ? succeeds('docker', ['info'], 10_000) : Promise.resolve(false)
  return answer
}
