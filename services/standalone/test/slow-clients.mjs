// Many clients with slow bodies, as a process of their own: <port> <clients> <key> <content-length>. Each sends its head and then a byte
// now and then; whoever is answered or cut off comes back. Says when all have begun, and at SIGTERM what they were answered.
import { connect } from 'node:net'

const [port, clients, key, length] = process.argv.slice(2)
const HEAD = `POST /v1/pings HTTP/1.1\r\nhost: slow\r\nauthorization: Bearer ${key}\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n{`
const BYTE_EVERY_MS = 2000
/** After a 408 or a broken connection at once, to keep as many bodies open as there are clients; after a 503 later than it asks. */
const BACK_AFTER_MS = 200
const BACK_AFTER_503_MS = 10_000
const OPENING = 200

const statuses = {}
const waiting = new Set()
let begun = 0
let open = 0

function note(status) {
  statuses[status] = (statuses[status] ?? 0) + 1
}

function client(first) {
  const socket = connect({ port: Number(port), host: '127.0.0.1' })
  let answered = ''
  let text = ''
  let opened = !first
  const nextOpens = () => {
    if (opened) return
    opened = true
    begun++
    if (open < clients) opensNext()
    if (begun === Number(clients)) process.stdout.write('all have begun\n')
  }
  socket.on('connect', () => {
    socket.write(HEAD, nextOpens)
    waiting.add(socket)
  })
  socket.on('data', (data) => {
    text += data.toString('latin1')
    if (answered !== '' || text.length < 'HTTP/1.1 503'.length) return
    answered = text.slice(9, 12)
    note(answered)
    socket.destroy()
  })
  socket.on('error', () => {})
  socket.on('close', () => {
    waiting.delete(socket)
    if (answered === '') note('closed')
    nextOpens()
    setTimeout(() => client(false), answered === '503' ? BACK_AFTER_503_MS : BACK_AFTER_MS)
  })
}

function opensNext() {
  open++
  client(true)
}

for (let i = 0; i < Math.min(OPENING, clients); i++) opensNext()
setInterval(() => {
  for (const socket of waiting) socket.write(' ')
}, BYTE_EVERY_MS)
process.on('SIGTERM', () => {
  process.stdout.write(`${JSON.stringify(statuses)}\n`, () => process.exit(0))
})
