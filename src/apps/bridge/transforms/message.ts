/** What a message says, in words of neither side: WhatsApp and Genesys are read into this and written from it. Pure. */
import type { JsonValue } from '../../../protocol/frames.ts';

export type MediaKind = 'image' | 'video' | 'audio' | 'document' | 'sticker';

interface TextContent {
  readonly kind: 'text';
  readonly text: string;
}

export interface MediaContent {
  readonly kind: 'media';
  readonly media: MediaKind;
  readonly mime: string;
  /** At Meta, which gives the bytes for a token. */
  readonly id?: string;
  /** Where anybody who has the URL gets the bytes. */
  readonly url?: string;
  readonly name?: string;
  readonly caption?: string;
  readonly isVoice?: true;
}

interface LocationContent {
  readonly kind: 'location';
  readonly latitude: number;
  readonly longitude: number;
  readonly name?: string;
  readonly address?: string;
}

interface ContactsContent {
  readonly kind: 'contacts';
  readonly contacts: readonly { readonly name: string; readonly phones: readonly string[] }[];
}

/** What somebody chose of what was offered: a button, a row of a list. */
interface ChoiceContent {
  readonly kind: 'choice';
  readonly text: string;
  readonly payload: string;
}

/** What is offered to be chosen. */
export interface OfferContent {
  readonly kind: 'offer';
  readonly text: string;
  readonly choices: readonly { readonly text: string; readonly payload: string }[];
}

/** A text that Meta has approved, for customers who have been silent for a day. */
export interface TemplateContent {
  readonly kind: 'template';
  readonly name: string;
  readonly language: string;
  readonly parameters: readonly string[];
  /** As it reads, where that is known. */
  readonly text?: string;
}

interface ReactionContent {
  readonly kind: 'reaction';
  /** Empty: the reaction was taken back. */
  readonly emoji: string;
  /** The message that it is about, by its id at the side that says so. */
  readonly to: string;
}

/** A kind that this version does not know. It is kept as it came, and the other side is told that there was something. */
interface UnsupportedContent {
  readonly kind: 'unsupported';
  /** As its side calls it. */
  readonly type: string;
  readonly raw: JsonValue;
}

export type Content =
  | TextContent
  | MediaContent
  | LocationContent
  | ContactsContent
  | ChoiceContent
  | OfferContent
  | TemplateContent
  | ReactionContent
  | UnsupportedContent;

/** From a customer. */
export interface CustomerMessage {
  readonly wamid: string;
  /** The customer's number at WhatsApp: digits. */
  readonly from: string;
  readonly name?: string;
  /** Milliseconds since 1970, as Meta says: of whole seconds. */
  readonly at: number;
  readonly content: Content;
  /** `wamid` of the message that it answers. */
  readonly replyTo?: string;
}

export type Status = 'sent' | 'delivered' | 'read' | 'failed';

/** What became of a message to a customer. */
export interface StatusNews {
  readonly wamid: string;
  /** The customer. */
  readonly to: string;
  readonly status: Status;
  readonly at: number;
  /** Why it failed: no text of the message, and no number. */
  readonly reason?: string;
  /** What was sent along with the message: the id of its row here. */
  readonly reference?: string;
}

/** What Genesys tells. */
export type DeskNews = DeskMessage | DeskReceipt | DeskTyping | DeskOther;

export interface DeskMessage {
  readonly kind: 'message';
  /** Of Genesys. */
  readonly id: string;
  /** Of the channel: what was injected comes back with the id that it had. */
  readonly channelId?: string;
  readonly integration: string;
  readonly conversation?: string;
  /** The customer's number: digits. */
  readonly to: string;
  readonly at: number;
  readonly contents: readonly Content[];
  readonly isByBot?: true;
}

/** An agent got, or read, what a customer wrote. */
export interface DeskReceipt {
  readonly kind: 'receipt';
  readonly id: string;
  readonly integration: string;
  readonly to: string;
  /** Of the channel. */
  readonly channelId?: string;
  readonly status: 'delivered' | 'read';
}

export interface DeskTyping {
  readonly kind: 'typing';
  readonly id: string;
  readonly integration: string;
  readonly to: string;
  readonly isTyping: boolean;
}

/** Nothing that a customer is told. */
interface DeskOther {
  readonly kind: 'other';
  readonly id: string;
  readonly integration: string;
  readonly to: string;
  readonly type: string;
}
