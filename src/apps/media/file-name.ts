/** Names of files as their owners call them: they are shown to others, and never part of a path. */
import { extensionsOf, type KnownType } from './file-types.ts';

const MAX_BYTES = 200;
/** Controls, marks of direction, and what is a separator somewhere. */
const UNWANTED = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}/\\:*?"<>|]/gu;

/** Why a name is refused where its sender has chosen it for a new upload, or `null`. */
export function nameProblem(name: string, type: KnownType): string | null {
  if (name.length === 0 || Buffer.byteLength(name) > MAX_BYTES) return `expected 1 to ${MAX_BYTES} bytes`;
  if (name !== name.replaceAll(UNWANTED, '') || name.includes('..') || name.startsWith('.'))
    return 'expected the name of a file, without a path';
  const allowed = extensionsOf(type);
  return allowed.includes(extensionOf(name)) ? null : `expected a name that ends in .${allowed.join(' or .')}`;
}

/** A name that came with a file, made fit to be shown: the bytes have said what it is. */
export function cleanName(name: string, type: KnownType): string {
  const [extension = 'bin'] = extensionsOf(type);
  const plain = name
    .replaceAll(UNWANTED, '_')
    .replaceAll(/\.{2,}/g, '.')
    .replace(/^[.\s]+/, '')
    .trim();
  const isFit = extensionsOf(type).includes(extensionOf(plain));
  const stem = isFit ? plain.slice(0, plain.lastIndexOf('.')) : plain;
  const ending = isFit ? plain.slice(plain.lastIndexOf('.')) : `.${extension}`;
  return `${cut(stem === '' ? 'file' : stem, MAX_BYTES - ending.length)}${ending}`;
}

/** `inline` for what browsers may show, else a download. */
export function disposition(name: string, isInline: boolean): string {
  const escaped = encodeURIComponent(name).replaceAll(
    /['()*]/g,
    (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `${isInline ? 'inline' : 'attachment'}; filename*=UTF-8''${escaped}`;
}

function extensionOf(name: string): string {
  const at = name.lastIndexOf('.');
  return at <= 0 ? '' : name.slice(at + 1).toLowerCase();
}

/** In bytes, and never within a character. */
function cut(text: string, bytes: number): string {
  let kept = '';
  for (const character of text) {
    if (Buffer.byteLength(kept) + Buffer.byteLength(character) > bytes) break;
    kept += character;
  }
  return kept;
}
