// The data folder of an embedded node: private to its user, and where secrets that nobody configured are made and kept.
import { randomBytes } from 'node:crypto'
import { closeSync, fsyncSync, linkSync, mkdirSync, openSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'

export interface DataFolder {
  readonly path: string
  /** Path of a file or folder inside. */
  at(name: string): string
  /**
   * The secret `<name>.key`, made of `bytes` random bytes when there is none; kept as hex, mode 0600. Two that make it at once
   * get the same. Throws when others may read the file, or when it does not hold `bytes` bytes.
   */
  loadOrCreateKey(name: string, bytes: number): Buffer
}

/** Opens the folder, making it (mode 0700) with its parents where missing. Throws when others may write to it. */
export function openDataFolder(path: string): DataFolder {
  makePrivateFolder(path)
  return {
    path,
    at: (name) => join(path, name),
    loadOrCreateKey: (name, bytes) => loadOrCreateKey(join(path, `${name}.key`), bytes),
  }
}

/** Makes a folder with mode 0700. An existing one is taken as it is, unless group or others may write to it. */
export function makePrivateFolder(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 })
  const { mode } = statSync(path)
  if ((mode & 0o022) !== 0)
    throw new Error(`${path} may be written by others (mode ${octal(mode)}); run: chmod 700 ${path}`)
}

function loadOrCreateKey(path: string, bytes: number): Buffer {
  try {
    return loadKey(path, bytes)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  writeOnce(path, `${randomBytes(bytes).toString('hex')}\n`)
  return loadKey(path, bytes)
}

/** Writes a file (mode 0600) whole and durably, unless there is one: of two that write at once the first stays. */
export function writeOnce(path: string, text: string): void {
  const temporary = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`
  const fd = openSync(temporary, 'wx', 0o600)
  try {
    writeSync(fd, text)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  try {
    // link, not rename: the second must not replace what the first already uses.
    linkSync(temporary, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    rmSync(temporary)
  }
  syncFolder(dirname(path))
}

function loadKey(path: string, bytes: number): Buffer {
  const { mode } = statSync(path)
  if ((mode & 0o077) !== 0)
    throw new Error(`${path} may be read by others (mode ${octal(mode)}); run: chmod 600 ${path}`)
  const text = readFileSync(path, 'utf8').trim()
  if (!/^[0-9a-f]*$/.test(text) || text.length !== 2 * bytes) {
    throw new Error(`${path} must hold ${2 * bytes} hex digits, it has ${text.length} characters`)
  }
  return Buffer.from(text, 'hex')
}

/** Makes the folder's entries durable: a synced file whose name is not on disk is lost with the power. */
export function syncFolder(path: string): void {
  const fd = openSync(path, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

/** Makes a file's content durable. */
export function syncFile(path: string): void {
  const fd = openSync(path, 'r+')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

function octal(mode: number): string {
  return (mode & 0o777).toString(8).padStart(4, '0')
}
