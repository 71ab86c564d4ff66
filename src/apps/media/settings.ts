/** The keys of `[apps.media]`. */
import type { z } from 'zod';
import type { Zod } from '../vocabulary.ts';
import { KNOWN_TYPES, type KnownType } from './file-types.ts';

const MIB = 1_048_576;
const DEFAULT_TYPES: readonly KnownType[] = KNOWN_TYPES.filter((type) => type !== 'video/quicktime');

export type Settings = z.output<ReturnType<typeof settings>>;

export function settings(z: Zod) {
  const count = (fallback: number, min: number, max: number) => z.int().min(min).max(max).default(fallback);
  const text = () => z.string().min(1).optional();
  return z
    .strictObject({
      storage: z.enum(['disk', 's3']).default('disk').describe('where the bytes are kept'),
      folder: z
        .string()
        .min(1)
        .describe('folder of the storage disk, which all nodes share; with s3 where uploads wait until they are whole'),
      public_url: z
        .url({ protocol: /^https?$/, error: 'an http or https URL' })
        .refine((url) => !url.endsWith('/'), 'a URL without / at its end')
        .optional()
        .describe('where clients reach this server; without, URLs are paths, which clients resolve themselves'),
      topic: z
        .string()
        .regex(/^[A-Za-z0-9_:.-]*\*[A-Za-z0-9_:.-]*$/, 'a topic with one * for the conversation')
        .default('conversation.*')
        .describe('the topic of a conversation: who may publish there uploads for it, who may subscribe reads'),
      max_image_bytes: count(10 * MIB, 1, 1_024 * MIB).describe('bytes of an image that comes by a signed URL'),
      max_file_bytes: count(50 * MIB, 1, 1_024 * MIB).describe('bytes of a file that comes in a form'),
      max_avatar_bytes: count(5 * MIB, 1, 1_024 * MIB).describe('bytes of an avatar'),
      file_types: z
        .array(z.enum(KNOWN_TYPES))
        .min(1)
        .default([...DEFAULT_TYPES])
        .describe('types of files that are taken in forms, told by their bytes; avatars are JPEG, PNG or WebP'),
      upload_secs: count(300, 1, 86_400).describe('seconds for which a URL to upload to is good'),
      link_secs: count(3_600, 1, 604_800).describe('seconds for which a link to read is good, at least'),
      deadline_secs: count(300, 1, 3_600).describe('seconds within which an upload must have come'),
      orphan_hours: count(24, 1, 8_760).describe('hours after which an upload that nothing names is removed'),
      clean_secs: count(300, 1, 86_400).describe('seconds between two looks for such uploads'),
      s3_endpoint: z
        .url({ protocol: /^https?$/, error: 'an http or https URL' })
        .optional()
        .describe('address of the S3 service, without the bucket'),
      s3_region: z.string().min(1).default('us-east-1').describe('region that requests are signed for'),
      s3_bucket: text().describe('bucket: private, and of this application alone'),
      s3_access_key: text().describe('id of the access key'),
      s3_secret_key: text().meta({ secret: 'token' }).describe('secret of the access key'),
      s3_direct: z
        .boolean()
        .default(false)
        .describe('clients reach the bucket themselves: bytes do not pass the server where their size is known'),
    })
    .refine(({ upload_secs, deadline_secs, orphan_hours }) => upload_secs + deadline_secs < orphan_hours * 3_600, {
      path: ['orphan_hours'],
      message: 'more than upload_secs and deadline_secs together: what is still coming is no orphan',
    })
    .refine(
      ({ storage, ...given }) =>
        storage === 'disk' || (given.s3_endpoint && given.s3_bucket && given.s3_access_key && given.s3_secret_key),
      {
        path: ['s3_endpoint'],
        message: 's3_endpoint, s3_bucket, s3_access_key and s3_secret_key, because storage = "s3"',
      },
    );
}
