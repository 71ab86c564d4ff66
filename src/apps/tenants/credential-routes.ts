/** Credentials of tenants at WhatsApp and Genesys: taken, masked when they are shown, never given out. */
import { refusal, isRefusal } from '../../protocol/errors.ts';
import type { AppRoute } from '../app-route.ts';
import type { Host } from '../host-api.ts';
import { resealCredentials, sealedBy } from './credentials.ts';
import { dropCredentials, setCredentials, showCredentials } from './operations.ts';
import type { Ports } from './ports.ts';
import { actorOf, answerOf, idIn } from './requests.ts';
import { credentials } from './shapes.ts';
import type { HandleKind } from './tenant.ts';

const RESEAL_MS = 60_000;
const KINDS: readonly string[] = ['whatsapp', 'genesys'] satisfies HandleKind[];

export function credentialRoutes(host: Host, ports: Ports): AppRoute[] {
  const masked = (z: Host['z']) => ({ 200: z.object({ credentials: z.record(z.string(), z.string()) }) });
  const kindIn = (parameters: Readonly<Record<string, string>>): HandleKind | null => {
    const named = parameters['kind'] ?? '';
    return KINDS.includes(named) ? (named as HandleKind) : null;
  };
  const unknownKind = () => refusal('not_found', `expected credentials of the kind ${KINDS.join(' or ')}`);
  const show = async (tenant: string, of: HandleKind) =>
    answerOf(await showCredentials(ports, tenant, of), (shown) => shown);
  return [
    host.route({
      method: 'GET',
      path: '/tenants/:id/credentials/:kind',
      access: 'admin',
      summary: 'The credentials of a tenant, masked.',
      answers: masked,
      handle: ({ parameters }) => {
        const of = kindIn(parameters);
        return of === null ? unknownKind() : show(idIn(parameters), of);
      },
    }),
    host.route({
      method: 'GET',
      path: '/tenants/:id/whatsapp',
      access: 'admin',
      summary: 'The credentials of a tenant at WhatsApp, masked, where the guide looks for them.',
      answers: masked,
      handle: ({ parameters }) => show(idIn(parameters), 'whatsapp'),
    }),
    host.route({
      method: 'PUT',
      path: '/tenants/:id/credentials/:kind',
      access: 'admin',
      summary: 'Seals credentials of a tenant; those that were there are gone.',
      body: credentials,
      answers: masked,
      handle: async (request) => {
        const of = kindIn(request.parameters);
        if (of === null) return unknownKind();
        const given = { tenant: idIn(request.parameters), kind: of, credentials: request.body };
        return answerOf(await setCredentials(ports, actorOf(request), given), (shown) => shown);
      },
    }),
    host.route({
      method: 'DELETE',
      path: '/tenants/:id/credentials/:kind',
      access: 'admin',
      summary: 'Takes credentials of a tenant away.',
      handle: async (request) => {
        const of = kindIn(request.parameters);
        if (of === null) return unknownKind();
        const done = await dropCredentials(ports, actorOf(request), idIn(request.parameters), of);
        return done !== null && isRefusal(done) ? done : { status: 204 };
      },
    }),
    host.route({
      method: 'POST',
      path: '/apps/tenants/reseal',
      access: 'admin',
      summary: 'Seals with the current key what other keys have sealed.',
      answers: (z) => ({
        200: z.object({ resealed: z.int(), failed: z.int(), sealedBy: z.record(z.string(), z.int()) }),
      }),
      deadlineMs: RESEAL_MS,
      handle: async () => {
        if (ports.keys === null) return refusal('wrong_state', 'expected apps.tenants.seal_keys, got none');
        const done = await resealCredentials(ports.database, ports.keys);
        return { body: { ...done, sealedBy: await sealedBy(ports.database) } };
      },
    }),
  ];
}
