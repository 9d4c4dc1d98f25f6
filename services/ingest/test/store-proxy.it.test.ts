import { once } from 'node:events'
import { join } from 'node:path'
import { MessageChannel } from 'node:worker_threads'
import { createLmdbPresenceStore } from '@fencepost/embedded'
import { type PresenceStore, silentLogger } from '@fencepost/model'
import { removeFolder, tempFolder } from '@fencepost/testbed'
import { presenceStoreContract } from '../../../libs/model/contract/presence-store.ts'
import { attachStore } from '../src/threads/store-host.ts'
import { createStoreProxy } from '../src/threads/store-proxy.ts'

presenceStoreContract('a thread’s proxy', async () => {
  const folder = tempFolder('proxy')
  const store = createLmdbPresenceStore({ dir: join(folder, 'presence') }, { logger: silentLogger })
  await store.start()
  const hosts: { detach(): void }[] = []
  const open = async (): Promise<PresenceStore> => {
    const { port1, port2 } = new MessageChannel()
    const proxy = createStoreProxy(port2)
    const told = once(port2, 'message')
    hosts.push(attachStore(store, port1))
    await told
    return proxy
  }
  return {
    store: await open(),
    other: await open(),
    async close() {
      for (const host of hosts) host.detach()
      await store.stop(1000)
      removeFolder(folder)
    },
  }
})
