// Ends what this process started, even when this process is killed first: a small shell waits for our end of its pipe to
// close and then kills the processes, containers and folders that are still on its list.
import { type ChildProcess, spawn } from 'node:child_process'
import type { Socket } from 'node:net'

const SCRIPT = `
pids=' ' containers=' ' folders=''
while read -r op what; do
  case $op in
    pid) pids="$pids$what ";;
    no-pid) pids=$(printf '%s' "$pids" | sed "s/ $what / /");;
    container) containers="$containers$what ";;
    no-container) containers=$(printf '%s' "$containers" | sed "s/ $what / /");;
    folder) folders="$folders
$what";;
  esac
done
for pid in $pids; do kill -9 "$pid" 2>/dev/null; done
for name in $containers; do docker rm -f "$name" >/dev/null 2>&1; done
printf '%s\\n' "$folders" | while read -r folder; do [ -n "$folder" ] && rm -rf -- "$folder"; done
`

let shell: ChildProcess | undefined

function tell(line: string): void {
  if (shell === undefined) {
    // Its own session: a Ctrl-C in the terminal must not end the guard before its charges.
    shell = spawn('sh', ['-c', SCRIPT], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] })
    shell.unref()
    ;(shell.stdin as Socket).unref()
    shell.stdin?.on('error', () => {})
  }
  shell.stdin?.write(`${line}\n`)
}

/** From here on `pid` is killed when this process ends, however it ends. */
export function guardProcess(pid: number): void {
  tell(`pid ${pid}`)
}

/** `pid` has ended; its number may soon be somebody else's. */
export function releaseProcess(pid: number): void {
  tell(`no-pid ${pid}`)
}

/** The Docker container `name` is removed when this process ends. */
export function guardContainer(name: string): void {
  tell(`container ${name}`)
}

export function releaseContainer(name: string): void {
  tell(`no-container ${name}`)
}

/** The folder is removed when this process ends. */
export function guardFolder(path: string): void {
  tell(`folder ${path}`)
}
