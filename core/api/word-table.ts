/**
 * A table that is asked with words from outside: it has its rows, and nothing of what every object has besides
 * ("constructor", "toString"), so that such a word is as unknown as any other.
 */
export const wordTable = <V>(rows: { readonly [word: string]: V }): { readonly [word: string]: V } => Object.freeze(Object.assign(Object.create(null) as { [word: string]: V }, rows));
