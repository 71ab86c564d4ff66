/** Ids of messages, as façades show them: `<conversation>.<sequence>`. Ids of conversations have no dots. */

export interface MessagePlace {
  readonly conversation: string;
  readonly sequence: number;
}

const FORM = /^([A-Za-z0-9_:-]{1,100})\.([1-9]\d{0,15})$/;

/** `null` for what is no id of a message. */
export function placeOf(id: string): MessagePlace | null {
  const [, conversation, sequence] = FORM.exec(id) ?? [];
  return conversation === undefined ? null : { conversation, sequence: Number(sequence) };
}
