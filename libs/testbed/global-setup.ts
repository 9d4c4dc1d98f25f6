// Brings up what the integration tests need before the first test and stops it after the last.
export async function setup(): Promise<void> {}
