/** The routes of uploads: they read requests, and the operations decide. */
import type { RouteResponse } from '../app-route.ts';
import type { AppRoute } from '../app.ts';
import type { Host } from '../host-api.ts';
import type { MaybePromise, Zod } from '../vocabulary.ts';
import type { Refusal } from '../../protocol/errors.ts';
import { beginUpload, completeUpload } from './beginning.ts';
import { uploadForm } from './form-uploads.ts';
import { FILES, SIGNED } from './links.ts';
import type { MediaPorts } from './ports.ts';
import { linksFor, readSigned, readUpload, type Wanted } from './reading.ts';
import { receiveUpload } from './receiving.ts';
import { StorageError } from './storage.ts';
import type { StorageWatch } from './storage-watch.ts';

/** Of a form, what is no file. */
const AROUND_FILE = 65_536;
const MAX_LINKS = 100;
const RETRY_MS = 5_000;

const signedQuery = (z: Zod) =>
  z.object({ expires: z.coerce.number().int().min(0).max(1e12), signature: z.string().max(100) });
const begun = (z: Zod) =>
  z.object({
    id: z.string(),
    uploadUrl: z.string(),
    headers: z.record(z.string(), z.string()),
    key: z.string(),
    publicUrl: z.string(),
    expiresAt: z.string(),
    direct: z.boolean(),
  });
const stored = (z: Zod) => z.object({ url: z.string(), size: z.int(), mimeType: z.string() });

/** As guides 000 and 003 name them, beside the application's own paths. */
export const PLACES = ['/messaging', '/files'] as const;

export function routes(host: Host, ports: MediaPorts, watch: StorageWatch): readonly AppRoute[] {
  const { settings } = ports;
  const deadlineMs = settings.deadline_secs * 1_000;
  const unlessAway = <T>(work: () => Promise<T>): Promise<T | Refusal> => answered(host, watch, work);
  return [
    host.route({
      method: 'POST',
      path: '/apps/media/uploads',
      access: 'user',
      summary: 'Begins an upload of an image: answers with a URL that takes its bytes.',
      body: (z) =>
        z.strictObject({
          fileName: z.string().max(1_000),
          fileType: z.string().max(200),
          fileSize: z.int().min(1).optional(),
          conversation: z.string().max(200).optional(),
        }),
      answers: (z) => ({ 201: begun(z) }),
      handle: ({ principal, body }) => unlessAway(async () => created(await beginUpload(ports, principal, body), host)),
    }),
    host.route({
      method: 'POST',
      path: '/messaging/upload-image',
      access: 'user',
      summary: 'Begins an upload of an image for a message of a conversation, as guide 000 does.',
      body: (z) =>
        z.object({
          fileName: z.string().max(1_000),
          fileType: z.string().max(200),
          conversationId: z.string().max(200).optional(),
        }),
      answers: (z) => ({ 201: z.object({ success: z.literal(true), data: begun(z) }).extend(begun(z).shape) }),
      handle: ({ principal, body: { fileName, fileType, conversationId: conversation } }) =>
        unlessAway(async () => {
          const data = await beginUpload(ports, principal, { fileName, fileType, conversation });
          if (host.isRefusal(data)) return data;
          // Its clients read the fields of `data`, which some name the body and some the member of it.
          return { status: 201, body: { success: true, data, ...data } };
        }),
    }),
    host.route({
      method: 'POST',
      path: '/apps/media/uploads/:id/complete',
      access: 'user',
      summary: 'Says that the bytes of an upload are in the storage, which are then looked at.',
      answers: (z) => ({ 200: stored(z) }),
      handle: ({ principal, parameters }) =>
        unlessAway(async () => bodyOf(await completeUpload(ports, principal, parameters['id'] ?? ''), host)),
    }),
    host.route({
      method: 'PUT',
      path: `${SIGNED}/:id`,
      access: 'public',
      summary: 'Takes the bytes of an upload; the URL comes from its beginning.',
      body: 'stream',
      maxBody: settings.max_image_bytes,
      deadlineMs,
      query: signedQuery,
      answers: (z) => ({ 200: stored(z) }),
      handle: ({ parameters, query, header, body }) =>
        unlessAway(async () => {
          const length = header('content-length');
          const sent = {
            type: header('content-type') ?? '',
            bytes: length === undefined ? null : Number(length),
            body,
          };
          const taken = await receiveUpload(ports, { id: parameters['id'] ?? '', ...query }, sent);
          if (host.isRefusal(taken)) return taken;
          const { digest, ...answer } = taken;
          return { headers: { etag: `"${digest}"` }, body: answer };
        }),
    }),
    ...[FILES, '/files/upload'].map((path) =>
      host.route({
        method: 'POST',
        path,
        access: 'user',
        summary:
          'Takes a file in a form (multipart/form-data): file, type (avatar or message_attachment), conversation.',
        body: 'stream',
        maxBody: settings.max_file_bytes + AROUND_FILE,
        deadlineMs,
        answers: (z) => ({
          201: z.object({
            id: z.string(),
            url: z.string(),
            filename: z.string(),
            size: z.int(),
            mimeType: z.string(),
          }),
        }),
        handle: ({ principal, header, body }) =>
          unlessAway(async () => created(await uploadForm(ports, principal, header('content-type') ?? '', body), host)),
      }),
    ),
    host.route({
      method: 'GET',
      path: `${FILES}/:id`,
      access: 'user',
      summary: 'Gives the bytes of an upload to a user who may see it; parts by Range.',
      handle: ({ principal, parameters, header }) =>
        unlessAway(() => readUpload(ports, principal, parameters['id'] ?? '', wanted(header))),
    }),
    host.route({
      method: 'GET',
      path: `${SIGNED}/:id`,
      access: 'public',
      summary: 'Gives the bytes of an upload by a link that ends.',
      query: signedQuery,
      handle: ({ parameters, query, header }) =>
        unlessAway(() => readSigned(ports, { id: parameters['id'] ?? '', ...query }, wanted(header))),
    }),
    host.route({
      method: 'POST',
      path: '/apps/media/links',
      access: 'user',
      summary: 'Links that end, for pages that show uploads.',
      writes: false,
      body: (z) => z.strictObject({ urls: z.array(z.string().max(2_000)).min(1).max(MAX_LINKS) }),
      answers: (z) => ({
        200: z.object({
          links: z.array(z.object({ url: z.string(), link: z.string().nullable(), expiresAt: z.string().nullable() })),
        }),
      }),
      handle: async ({ principal, body }) => ({ body: { links: await linksFor(ports, principal, body.urls) } }),
    }),
  ];
}

function wanted(header: (name: string) => string | undefined): Wanted {
  return { range: header('range'), ifNoneMatch: header('if-none-match') };
}

function created(answer: object, host: Host): MaybePromise<RouteResponse | Refusal> {
  return host.isRefusal(answer) ? answer : { status: 201, body: answer };
}

function bodyOf(answer: object, host: Host): MaybePromise<RouteResponse | Refusal> {
  return host.isRefusal(answer) ? answer : { body: answer };
}

/** That the storage is away is temporary; why it is stays with the operators. */
async function answered<T>(host: Host, watch: StorageWatch, work: () => Promise<T>): Promise<T | Refusal> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    watch.failed(error);
    return host.refuse('storage_unavailable', 'expected a storage that takes and gives files now', {
      retryAfterMs: RETRY_MS,
    });
  }
}
