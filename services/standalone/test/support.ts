// The service under test as a process of its own, on a folder of its own.
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type GeoFeature, type ServiceProcess, startService } from '@fencepost/testbed'

export const ENTRY = fileURLToPath(new URL('../dist/main.js', import.meta.url))
export const KEY = 'key-of-acme'
export const TENANT = 'acme'

/** What every standalone of these tests is started with. With FENCEPOST_TEST_THREADS=2 all of them run on two threads. */
export function environment(folder: string, more: Readonly<Record<string, string>> = {}): Record<string, string> {
  return {
    FENCEPOST_HOST: '127.0.0.1',
    FENCEPOST_PORT: '0',
    FENCEPOST_THREADS: process.env['FENCEPOST_TEST_THREADS'] ?? '1',
    FENCEPOST_ADMIN_PORT: '0',
    FENCEPOST_DATA_DIR: join(folder, 'data'),
    FENCEPOST_FENCES: join(folder, 'fences.geojson'),
    FENCEPOST_SDK_KEYS: `${TENANT}:${KEY}`,
    FENCEPOST_EVENT_COORDINATES: 'exact',
    ...more,
  }
}

export function startStandalone(folder: string, more?: Readonly<Record<string, string>>): Promise<ServiceProcess> {
  if (!existsSync(ENTRY)) throw new Error('services/standalone/dist is missing; run: make build')
  return startService({ entry: ENTRY, env: environment(folder, more) })
}

export function writeFences(folder: string, features: readonly GeoFeature[]): void {
  writeFileSync(join(folder, 'fences.geojson'), JSON.stringify({ type: 'FeatureCollection', features }))
}
