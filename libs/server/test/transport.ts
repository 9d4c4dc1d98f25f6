// What the tests of this run talk over: plain HTTP, or TLS where a file says so before it brings them in.
import type { Certificate } from '@fencepost/testbed'

export const transport: { tls: Certificate | null } = { tls: null }
