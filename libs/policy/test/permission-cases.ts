// What may be told of a batch: what was chosen before (rows) by what the batch says (columns). L location, a analytics, m marketing; + given,
// - refused, not there: not named. MT: matches and transitions; M. or .T: one of them; ..: taken, nothing told; else the reason.

export const BATCHES = ['-', 'L', 'L-a', 'L-m', 'L-a-m', 'L+a', 'L+m', 'L+a+m', 'minor'] as const

/** Where a purpose that is not named follows location. */
export const FOLLOWING = `
                 -   L    L-a  L-m  L-a-m L+a  L+m  L+a+m minor
none             no  MT   .T   M.   ..    MT   MT   MT    min
L                no  MT   .T   M.   ..    MT   MT   MT    min
-L               no  no   no   no   no    no   no   no    min
L-a              no  .T   .T   ..   ..    .T   .T   .T    min
L-m              no  M.   ..   M.   ..    M.   M.   M.    min
L-a-m            no  ..   ..   ..   ..    ..   ..   ..    min
-a               no  .T   .T   ..   ..    .T   .T   .T    min
-m               no  M.   ..   M.   ..    M.   M.   M.    min
L+a+m            no  MT   .T   M.   ..    MT   MT   MT    min
restricted       no  res  res  res  res   res  res  res   min
L-m,restricted   no  res  res  res  res   res  res  res   min
-L,restricted    no  no   no   no   no    no   no   no    min
erased           no  no   no   no   no    no   no   no    min
minor            no  min  min  min  min   min  min  min   min
`

/** Where a purpose that is not named is not given. */
export const EXPLICIT = `
                 -   L    L-a  L-m  L-a-m L+a  L+m  L+a+m minor
none             no  ..   ..   ..   ..    M.   .T   MT    min
L                no  ..   ..   ..   ..    ..   ..   ..    min
-L               no  no   no   no   no    no   no   no    min
L+a              no  ..   ..   ..   ..    M.   ..   M.    min
L+m              no  ..   ..   ..   ..    ..   .T   .T    min
L+a+m            no  ..   ..   ..   ..    M.   .T   MT    min
L-a              no  ..   ..   ..   ..    ..   ..   ..    min
-a               no  ..   ..   ..   ..    ..   .T   .T    min
-m               no  ..   ..   ..   ..    M.   ..   M.    min
restricted       no  res  res  res  res   res  res  res   min
erased           no  no   no   no   no    no   no   no    min
minor            no  min  min  min  min   min  min  min   min
`

export interface PermissionCase {
  readonly stored: string
  readonly batch: (typeof BATCHES)[number]
  readonly explicit: boolean
  /** The ping lies in a sensitive place, too. */
  readonly sensitive: boolean
  readonly outcome: string
}

function casesOf(table: string, explicit: boolean): PermissionCase[] {
  const [head = '', ...rows] = table.trim().split('\n')
  if (head.trim().split(/\s+/).join() !== BATCHES.join()) throw new Error('the head of the table is another')
  return rows.flatMap((row) => {
    const [stored = '', ...outcomes] = row.trim().split(/\s+/)
    return BATCHES.flatMap((batch, i) => {
      const outcome = outcomes[i] as string
      // Where no ping is left, nobody looks at what was chosen before.
      const isLeft = batch !== '-' && batch !== 'minor'
      return [
        { stored, batch, explicit, sensitive: false, outcome },
        { stored, batch, explicit, sensitive: true, outcome: isLeft ? 'sen' : outcome },
      ]
    })
  })
}

export const CASES: readonly PermissionCase[] = [...casesOf(FOLLOWING, false), ...casesOf(EXPLICIT, true)]

/** `L+a-m`: what is said of each. */
export function purposesOf(text: string): {
  readonly location: boolean | null
  readonly analytics: boolean | null
  readonly marketing: boolean | null
} {
  const said = (letter: string): boolean | null =>
    text.includes(`-${letter}`) ? false : text.includes(`+${letter}`) ? true : null
  const location = said('L') ?? (text.startsWith('L') ? true : null)
  return { location, analytics: said('a'), marketing: said('m') }
}
