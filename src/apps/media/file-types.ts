/** What a file is by its first bytes: what its sender calls it is believed where the bytes say the same. */

interface FileType {
  /** The first of them is the one that names are given. */
  readonly extensions: readonly string[];
  /** Other names that senders have for the same bytes. */
  readonly aliases?: readonly string[];
  /** Whether browsers may show it in a page. */
  readonly isShown?: boolean;
}

const OFFICE = 'application/vnd.openxmlformats-officedocument';

const FILE_TYPES = {
  'image/jpeg': { extensions: ['jpg', 'jpeg'], aliases: ['image/jpg'], isShown: true },
  'image/png': { extensions: ['png'], isShown: true },
  'image/webp': { extensions: ['webp'], isShown: true },
  'image/gif': { extensions: ['gif'], isShown: true },
  'application/pdf': { extensions: ['pdf'] },
  'application/zip': {
    extensions: ['zip', 'docx', 'xlsx', 'pptx'],
    aliases: [
      'application/x-zip-compressed',
      `${OFFICE}.wordprocessingml.document`,
      `${OFFICE}.spreadsheetml.sheet`,
      `${OFFICE}.presentationml.presentation`,
    ],
  },
  'audio/mpeg': { extensions: ['mp3'], aliases: ['audio/mp3'], isShown: true },
  'audio/ogg': { extensions: ['ogg', 'oga', 'opus'], aliases: ['application/ogg', 'audio/opus'], isShown: true },
  'audio/wav': { extensions: ['wav'], aliases: ['audio/x-wav', 'audio/wave'], isShown: true },
  'audio/mp4': { extensions: ['m4a'], aliases: ['audio/x-m4a', 'audio/aac'], isShown: true },
  'video/mp4': { extensions: ['mp4', 'm4v'], aliases: ['audio/mp4'], isShown: true },
  'video/webm': { extensions: ['webm', 'weba'], aliases: ['audio/webm'], isShown: true },
  'video/quicktime': { extensions: ['mov'] },
} as const satisfies Record<string, FileType>;

export type KnownType = keyof typeof FILE_TYPES;
export const KNOWN_TYPES = Object.keys(FILE_TYPES) as KnownType[];
export const IMAGE_TYPES = ['image/jpeg', 'image/png', 'image/webp'] as const satisfies readonly KnownType[];

/** Bytes that {@link typeOfBytes} looks at. */
export const LOOKED_AT = 16;

type Signature = readonly [type: KnownType, at: number, bytes: string];

/** In latin1; all of one type are looked for where they are. */
const SIGNATURES: readonly Signature[] = [
  ['image/jpeg', 0, '\xFF\xD8\xFF'],
  ['image/png', 0, '\x89PNG\r\n\x1A\n'],
  ['image/gif', 0, 'GIF87a'],
  ['image/gif', 0, 'GIF89a'],
  ['application/pdf', 0, '%PDF-'],
  ['application/zip', 0, 'PK\x03\x04'],
  ['audio/mpeg', 0, 'ID3'],
  ['audio/mpeg', 0, '\xFF\xFB'],
  ['audio/mpeg', 0, '\xFF\xF3'],
  ['audio/mpeg', 0, '\xFF\xF2'],
  ['audio/ogg', 0, 'OggS'],
  ['video/webm', 0, '\x1A\x45\xDF\xA3'],
  ['audio/mp4', 4, 'ftypM4A'],
  ['video/quicktime', 4, 'ftypqt'],
  ['video/mp4', 4, 'ftypisom'],
  ['video/mp4', 4, 'ftypiso'],
  ['video/mp4', 4, 'ftypmp4'],
  ['video/mp4', 4, 'ftypavc1'],
  ['video/mp4', 4, 'ftypM4V'],
  ['video/mp4', 4, 'ftypdash'],
  ['video/mp4', 4, 'ftyp3gp'],
];

export function typeOfBytes(head: Uint8Array): KnownType | null {
  const text = Buffer.from(head.buffer, head.byteOffset, head.byteLength).toString('latin1');
  if (text.startsWith('RIFF')) {
    if (text.startsWith('WEBP', 8)) return 'image/webp';
    return text.startsWith('WAVE', 8) ? 'audio/wav' : null;
  }
  return SIGNATURES.find(([, at, bytes]) => text.startsWith(bytes, at))?.[0] ?? null;
}

/** Whether a sender may call bytes of a type so. Parameters such as a charset are no part of it. */
export function isCalled(type: KnownType, declared: string): boolean {
  const name = (declared.split(';')[0] ?? '').trim().toLowerCase();
  const { aliases = [] }: FileType = FILE_TYPES[type];
  return name === type || aliases.includes(name);
}

/** What a sender's word means, or `null`. */
export function knownType(declared: string): KnownType | null {
  return KNOWN_TYPES.find((type) => isCalled(type, declared)) ?? null;
}

export function extensionsOf(type: KnownType): readonly string[] {
  return FILE_TYPES[type].extensions;
}

export function isShown(type: string): boolean {
  const known: FileType | undefined = Object.hasOwn(FILE_TYPES, type) ? FILE_TYPES[type as KnownType] : undefined;
  return known?.isShown === true;
}
