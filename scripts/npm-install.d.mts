/** One line: which package could not be had, why, and what to do. Reads what npm printed to standard error. */
export function explain(printed: string): string;
