// The pages against the tree: what README and its neighbours name must exist. Read from source, so nothing has to be running.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const read = (path: string): string => readFileSync(join(root, path), 'utf8')

/** Paths of the files below `folder`, relative to the root, without what was built or installed. */
function filesBelow(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .filter((path) => !/(^|\/)(node_modules|dist|out)\//.test(path))
}

const below = ['libs', 'services', 'bench', 'deploy'].flatMap(filesBelow)
const pages = ['README.md', 'CHANGELOG.md', ...below.filter((path) => path.endsWith('.md'))]
const operating = ['README.md', ...below.filter((path) => /^(services\/[^/]+\/README\.md$|deploy\/)/.test(path))]
const source = below
  .filter((path) => /^(libs|services)\/[^/]+\/src\/.*\.ts$/.test(path))
  .map(read)
  .join('\n')

/** Every group 1 of `pattern` in `text`. */
function all(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map((match) => match[1] as string)
}

/** Rows of the table below a heading of README.md, as cells. */
function tableOf(heading: string): string[][] {
  const section =
    read('README.md')
      .split(/^## /m)
      .find((text) => text.startsWith(`${heading}\n`)) ?? ''
  const lines = section.split('\n').filter((line) => line.startsWith('|'))
  return lines.slice(2).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  )
}

describe('metrics', () => {
  const names = new Set(all(source, /'(fencepost_[a-z0-9_]+)'/g))
  const labels = new Set(
    [...source.matchAll(/(?:counter|gauge)ByLabel\(\s*'([^']+)',\s*'[^']*',\s*'([^']+)'/g)].map(
      ([, name, label]) => `${name}{${label}}`,
    ),
  )

  test('are found in the source at all', () => {
    expect(names).toContain('fencepost_sink_healthy')
    expect(labels).toContain('fencepost_pings_rejected_total{reason}')
  })

  test('of the README are real, with their labels', () => {
    const rows = tableOf('Metrics').flatMap(([cell]) => all(cell ?? '', /`([^`]+)`/g))
    expect(rows.length).toBeGreaterThan(5)
    expect(rows.filter((row) => !(row.includes('{') ? labels : names).has(row))).toEqual([])
  })

  test.each(operating)('that %s names are real', (path) => {
    const found = all(read(path), /\b(fencepost_[a-z0-9_]+)/g).map((name) => name.replace(/_(bucket|sum|count)$/, ''))
    expect(found.filter((name) => !names.has(name))).toEqual([])
  })
})

describe('the README', () => {
  test('names a test that exists for every guarantee', () => {
    const rows = tableOf('Guarantees')
    expect(rows.map(([number]) => Number(number))).toEqual(rows.map((_, i) => i + 1))
    expect(rows.length).toBeGreaterThan(0)
    for (const [number, , cell = ''] of rows) {
      const paths = all(cell, /`((?:libs|services|bench)\/[^`]+)`/g)
      expect(paths, `guarantee ${number}`).not.toEqual([])
      expect(paths.filter((path) => !existsSync(join(root, path)))).toEqual([])
    }
  })
})

describe('every page', () => {
  const targets = new Set(all(read('Makefile'), /^([a-z0-9-]+):/gm))

  test.each(pages)('%s links to files that exist', (page) => {
    const links = all(read(page), /\]\(([^)\s]+)\)/g).filter((link) => !/^(https?:|#)/.test(link))
    expect(links.filter((link) => !existsSync(join(root, dirname(page), link.split('#')[0] as string)))).toEqual([])
  })

  test.each(pages)('%s names make targets that exist', (page) => {
    const asked = all(read(page), /(?:^|`|&& )make ([a-z][a-z0-9-]*)/gm)
    expect(asked.filter((target) => !targets.has(target))).toEqual([])
  })

  test('of a lib has at most 40 lines', () => {
    const libs = readdirSync(join(root, 'libs')).map((name) => `libs/${name}/README.md`)
    expect(libs.filter((path) => read(path).trimEnd().split('\n').length > 40)).toEqual([])
  })
})
