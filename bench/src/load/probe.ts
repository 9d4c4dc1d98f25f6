// Loaded into every server under load (`node --import`): tells its own CPU time when asked over IPC, exact to the microsecond and
// over all its threads, and ends it when the driver is gone.
process.on('message', (message: { kind: string }) => {
  if (message.kind !== 'cpu') return
  const { user, system } = process.cpuUsage()
  process.send?.({ kind: 'cpu', us: user + system, rss: process.memoryUsage.rss() })
})
process.on('disconnect', () => process.exit(0))
