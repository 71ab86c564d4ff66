/** Reads the server's control frames as text, so that pages of history need not be parsed and printed anew. */

/** Type, and the id of the frame that is answered, stand in front of `data`, which is last. */
const HEAD = /^\{"type":"([A-Za-z]+)"(?:,"reply_to":("(?:[^"\\]|\\.)*"))?(?:,"timestamp":\d+)?,"data":/;
const STATUS = /^\{"status":"([^"\\]*)","details":/;

export interface Answer {
  readonly type: string;
  readonly replyTo: string | undefined;
  /** Of a `Status`. */
  readonly status: string;
  /** JSON text of an object: the details of a Status, else the data. */
  readonly content: string;
}

export function readAnswer(text: string): Answer | null {
  const [head, type = '', quoted] = HEAD.exec(text) ?? [];
  if (head === undefined) return null;
  const replyTo = quoted === undefined ? undefined : (JSON.parse(quoted) as string);
  const data = text.slice(head.length, -1);
  const [statusHead, status = ''] = (type === 'Status' ? STATUS.exec(data) : null) ?? [];
  const content = statusHead === undefined ? data : data.slice(statusHead.length, -1);
  return { type, replyTo, status, content };
}

/** JSON text of an object with one more member in front. */
export function withMember(name: string, value: string, object: string): string {
  return `{"${name}":${value}${object === '{}' ? '' : ','}${object.slice(1)}`;
}

/** What an acknowledgement hands over. */
export function outcomeOf({ type, content }: Answer): string {
  return type === 'Error' ? `{"ok":false,"error":${content}}` : withMember('ok', 'true', content);
}
