// What people are told, as a page in plain words: made from the inventory, the retention table and the register, so that it says what is done.
import { CATEGORIES, type Category, INVENTORY, type Place } from './inventory.ts'
import type { RecipientEntry } from './recipients.ts'
import { type RetentionRow, spanText } from './retention.ts'

export interface PageFacts {
  readonly retention: readonly RetentionRow[]
  readonly recipients: readonly RecipientEntry[]
  readonly ageLimit: number
  /** How exact coordinates in events are. */
  readonly coordinates: 'none' | 'coarse' | 'exact'
}

const PLACE_WORDS: Readonly<Record<Exclude<Place, 'memory'>, string>> = {
  records: 'the record of your device',
  requests: 'your requests and what was done about them',
  matches: 'visits, for counting',
  transitions: 'arrivals, stays and departures, for campaigns',
  erasures: 'the notice that your data were erased',
}

const COORDINATE_WORDS: Readonly<Record<PageFacts['coordinates'], string>> = {
  none: 'Where exactly you were is not passed on, only the name of the place.',
  coarse: 'Where you were is passed on to about a kilometre, with the name of the place.',
  exact: 'Where you were is passed on as exactly as your phone told it, with the name of the place.',
}

export function privacyPage({ retention, recipients, ageLimit, coordinates }: PageFacts): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Your data</title>
<style>body{font:1rem/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem}table{border-collapse:collapse}td,th{border-bottom:1px solid #ccc;padding:.3rem .8rem .3rem 0;text-align:left;vertical-align:top}</style>
<h1>What happens to your data</h1>
<p>Apps that use this service send it where a phone is, so that a campaign can know when somebody comes to one of its places. Without your consent nothing is processed and nothing is kept.</p>
<h2>What the app sends</h2>
<ul>
${categoriesOf('ping')
  .map((category) => `<li>${escaped(CATEGORIES[category])}</li>`)
  .join('\n')}
</ul>
<p>The name that the app gives your phone is never written down. What is kept and passed on goes by another name made from it, which cannot be turned back. ${escaped(COORDINATE_WORDS[coordinates])}</p>
<h2>How long it is kept</h2>
<table>
<tr><th>what</th><th>for</th></tr>
${retention.map((row) => `<tr><td>${escaped(whatOf(row))}</td><td>${escaped(spanText(row.seconds))}</td></tr>`).join('\n')}
</table>
<h2>Who is given it</h2>
${recipients.length === 0 ? '<p>Nobody outside the company whose app you use.</p>' : recipientTable(recipients)}
<h2>What you may do</h2>
<ul>
<li>Withdraw your consent in the app, to everything or to one purpose. It holds at once.</li>
<li>See what is held of your phone, and take it with you.</li>
<li>Have it erased. Companies that were given it are told to erase it, too.</li>
<li>Object to marketing, or have the use of your data restricted while something is being settled.</li>
</ul>
<p>The app does this for you when you are signed in, or ask the company whose app it is. You get an answer within a month.</p>
<h2>Children</h2>
<p>Nobody up to ${ageLimit} years of age is processed. What came in of a child is erased at once.</p>
<h2>Places about which nothing is told</h2>
<p>What a phone sends from places such as clinics, places of worship, shelters and schools that are marked as such is thrown away, whatever app it comes from.</p>
</html>
`
}

function categoriesOf(part: string): Category[] {
  return [...new Set(INVENTORY.filter((one) => one.part === part).map(({ category }) => category))]
}

function whatOf({ place, name }: RetentionRow): string {
  if (place !== 'records') return PLACE_WORDS[place]
  return name === 'choices' ? 'what you have chosen' : 'which places your phone is at'
}

function recipientTable(recipients: readonly RecipientEntry[]): string {
  const rows = recipients.map(
    ({ name, address, purpose, categories, since }) =>
      `<tr><td>${escaped(name)}<br>${escaped(address)}</td><td>${escaped(purpose)}</td><td>${escaped(categories.map((one) => CATEGORIES[one]).join('; '))}</td><td>${escaped(since)}</td></tr>`,
  )
  return `<table>\n<tr><th>who</th><th>what for</th><th>what</th><th>since</th></tr>\n${rows.join('\n')}\n</table>`
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
