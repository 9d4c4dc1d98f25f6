/** What is stored is not what was written, or cannot be read by this version. */
export class DamagedError extends Error {
  constructor(message: string) {
    super(message)
    this.name = new.target.name
  }
}
