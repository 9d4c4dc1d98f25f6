// How the tests run: sources instead of dist, one process per file (native modules), a closing line that CI can read.
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const root = fileURLToPath(new URL('../..', import.meta.url))
// `unit` needs nothing but Node; `it` is everything that touches a socket, a broker, a store on disk or a child process.
const only = process.env['FENCEPOST_TEST_ONLY']
const unit = ['libs/*/test/**/*.test.ts', 'services/*/test/**/*.test.ts', 'bench/test/**/*.test.ts']
const integration = '**/*.it.test.ts'

export default defineConfig({
  root,
  resolve: { conditions: ['fencepost-source'] },
  ssr: {
    resolve: {
      conditions: ['fencepost-source', 'node', 'import', 'module', 'default'],
    },
  },
  test: {
    include: only === 'it' ? [integration] : unit,
    exclude: ['**/node_modules/**', '**/dist/**', ...(only === 'unit' ? [integration] : [])],
    pool: 'forks',
    testTimeout: 30_000,
    hookTimeout: 60_000,
    reporters: ['default', fileURLToPath(new URL('./reporter.ts', import.meta.url))],
    globalSetup: only === 'unit' ? [] : [fileURLToPath(new URL('./global-setup.ts', import.meta.url))],
  },
})
