// Rows as columns that line up.

/** Lines of a table; cells are single lines. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const all = [head, ...rows].map((row) => row.map((cell) => cell.replace(/\p{Cc}/gu, ' ')))
  const widths = head.map((_, i) => all.reduce((most, row) => Math.max(most, (row[i] ?? '').length), 0))
  return all.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] as number))
      .join('  ')
      .trimEnd(),
  )
}
