/** Sizes that are part of wire protocol version 1. Operators cannot change them; configurable limits live in `config/`. */

/** Topic names and patterns, in bytes (they are ASCII, so also in characters). */
export const MAX_TOPIC_LENGTH = 256;
/** A client's correlation id, in UTF-16 code units. */
export const MAX_FRAME_ID_LENGTH = 64;
/** An idempotency key, in UTF-16 code units. */
export const MAX_IDEMPOTENCY_KEY_LENGTH = 64;
/** An epoch that a client hands back, in UTF-16 code units; ours are 12. */
export const MAX_EPOCH_LENGTH = 64;
/** A user id, in UTF-16 code units: it becomes a reserved topic name, base64url-encoded. */
export const MAX_USER_LENGTH = 128;
/** A W3C traceparent is 55 characters; later versions may append. */
export const MAX_TRACE_LENGTH = 128;
/** Nesting of a frame, the frame itself included. Deeper input is refused before anything recursive touches it. */
export const MAX_DEPTH = 32;
/** Frames in one batch from a client. */
export const MAX_BATCH_FRAMES = 100;
/** Messages in one array of the publish API. */
export const MAX_PUBLISH_ITEMS = 100;
/** Topics and patterns in one `Subscribe` or `Unsubscribe`. */
export const MAX_TOPICS_PER_FRAME = 100;
/** Matched positions that the answer to a pattern lists. */
export const MAX_PATTERN_POSITIONS = 100;
/** Positions in one `Ack`, `GetMissedMessages`, or one pattern of a `Subscribe`. */
export const MAX_POSITIONS_PER_FRAME = 1_000;
/** Publications that one `History` may ask for. */
export const MAX_HISTORY_LIMIT = 1_000;
/** Publications that one `GetMissedMessages` may ask for. */
export const MAX_MISSED_LIMIT = 10_000;
/** Members in one page of `PresenceGet`. */
export const MAX_PRESENCE_LIMIT = 500;
/** Members in a page of `PresenceGet` that names no limit. */
export const PRESENCE_LIMIT = 100;
/** Topics of which one `PresenceGet` asks how many are there. */
export const MAX_PRESENCE_TOPICS = 50;
/** Bytes of publications in one `History` answer, and in one page of a replay. */
export const PAGE_BYTES = 256 * 1024;
/** Publications in one page of a replay. */
export const PAGE_MESSAGES = 100;

export const PROTOCOL_VERSION = 1;
