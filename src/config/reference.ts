export function renderReference(): string { throw new Error('not yet'); }
