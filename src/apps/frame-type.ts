/** What types of frames applications may take. */

/** A type, or with `*` behind a `-` all that begin so and that nobody has taken. */
export const FRAME_TYPE = /^X-(?:[A-Za-z0-9][A-Za-z0-9-]{0,61}|(?:[A-Za-z0-9][A-Za-z0-9-]{0,59}-)?\*)$/;
