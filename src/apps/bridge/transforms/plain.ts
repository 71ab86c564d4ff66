/** What a message says in plain words, for where a kind has no form of its own: conversations, Genesys, previews. */
import type { Content } from './message.ts';

/** Never empty. */
export function plainText(content: Content): string {
  switch (content.kind) {
    case 'text':
      return content.text;
    case 'choice':
      return content.text;
    case 'media':
      return (
        content.caption ?? (content.name === undefined ? `[${content.media}]` : `[${content.media}] ${content.name}`)
      );
    case 'location': {
      const { latitude, longitude, name, address } = content;
      const where = [name, address].filter((part) => part !== undefined).join(', ');
      const link = `https://maps.google.com/?q=${latitude},${longitude}`;
      return where === '' ? link : `${where}\n${link}`;
    }
    case 'contacts':
      return content.contacts.map(({ name, phones }) => [name, ...phones].join(', ')).join('\n') || '[contacts]';
    case 'offer':
      return [content.text, ...content.choices.map(({ text }) => `• ${text}`)].join('\n');
    case 'template':
      return content.text ?? [`[template ${content.name}]`, ...content.parameters].join(' ');
    case 'reaction':
      return content.emoji === '' ? '[reaction taken back]' : content.emoji;
    default:
      return `[unsupported: ${content.type}]`;
  }
}
