// Last resort on Debian-like machines: packages from apt. `apt-get update` runs at most once a process.
import { existsSync } from 'node:fs'
import { runToEnd } from './process.ts'

let updated: Promise<unknown> | undefined

const QUIET = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }

/** Is there apt here? */
export function hasApt(): boolean {
  return existsSync('/usr/bin/apt-get')
}

export function isRoot(): boolean {
  return process.getuid?.() === 0
}

/** Installs packages. Throws with apt's last words when that fails or takes more than three minutes. */
export async function aptInstall(packages: readonly string[]): Promise<void> {
  updated ??= runToEnd('apt-get', ['update', '-qq'], 120_000, { env: QUIET })
  await updated
  console.log(`testbed: apt-get install ${packages.join(' ')} …`)
  const args = ['install', '-y', '-qq', '--no-install-recommends', ...packages]
  const { code, output } = await runToEnd('apt-get', args, 180_000, { env: QUIET })
  if (code !== 0) throw new Error(`apt-get install ${packages.join(' ')} ended with ${code}: ${output.slice(-400)}`)
}

/** Downloads packages into `folder` and unpacks them there; needs no root. Throws like `aptInstall`. */
export async function aptUnpack(packages: readonly string[], folder: string): Promise<void> {
  console.log(`testbed: apt-get download ${packages.join(' ')} …`)
  const { code, output } = await runToEnd('apt-get', ['download', '-q', ...packages], 180_000, {
    cwd: folder,
    env: QUIET,
  })
  if (code !== 0) throw new Error(`apt-get download ${packages.join(' ')} ended with ${code}: ${output.slice(-400)}`)
  const unpack = await runToEnd('sh', ['-c', 'for deb in *.deb; do dpkg-deb -x "$deb" . || exit 1; done'], 60_000, {
    cwd: folder,
  })
  if (unpack.code !== 0) throw new Error(`dpkg-deb -x ended with ${unpack.code}: ${unpack.output.slice(-400)}`)
}
