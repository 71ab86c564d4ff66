/** Waiting for events in tests: never for ever, and never for a time that is hoped to be long enough. */
/** Anything that takes longer than this has not happened. Nobody waits so long but for what fails, so it is far off. */
const DEADLINE_MS = 20_000;
/** The promise, or an error that says what was waited for. */
export function within(promise, what, ms = DEADLINE_MS) {
    return new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`waited ${ms} ms for ${what}`)), ms);
        promise.then(resolve, reject).finally(() => clearTimeout(timer));
    });
}
/** Of the time that was waited for so far, between two questions: an answer is late by little, and few questions are asked. */
const PATIENCE = 0.1;
const [LEAST_PAUSE_MS, MOST_PAUSE_MS] = [5, 25];
/** Asks again and again until the answer is as wanted: for what tells nobody when it changes. */
export async function eventually(isDone, what, ms = DEADLINE_MS) {
    const begin = performance.now();
    while (!(await isDone())) {
        const waited = performance.now() - begin;
        if (waited > ms)
            throw new Error(`waited ${ms} ms for ${what}`);
        const pause = Math.min(Math.max(waited * PATIENCE, LEAST_PAUSE_MS), MOST_PAUSE_MS);
        await new Promise((resolve) => {
            setTimeout(resolve, pause);
        });
    }
}
