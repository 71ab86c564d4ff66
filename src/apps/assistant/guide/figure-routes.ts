/** Figures of the guide, which are those of Prometheus, and the health of what a chat needs. */
import type { JsonValue } from '../../../protocol/frames.ts';
import type { AppRoute, Zod } from '../../app.ts';
import type { Host } from '../../host-api.ts';
import type { Answering } from '../answers/answering.ts';
import type { Ports } from '../ports.ts';
import type { Tallies, Tally } from '../tallies.ts';
import type { ConnectionCounts } from './connection-counts.ts';
import type { Door } from './door.ts';
import { guideRoute } from './route.ts';
import { iso } from './shown.ts';

type Fields = Readonly<Record<string, JsonValue>>;

export interface Figures {
  readonly connections: ConnectionCounts;
  readonly errors: Tally;
  readonly tallies: Tallies;
}

export function figureRoutes(
  host: Host,
  door: Door,
  ports: Ports,
  answering: Answering,
  { connections, errors, tallies }: Figures,
): AppRoute[] {
  const since = iso(host.clock.now());
  const parts = {
    connections: (): Fields => ({ active: connections.active, total: connections.total, peak: connections.peak }),
    ai: (): Fields => ({
      provider: ports.provider.name,
      model: ports.settings.model,
      state: ports.provider.state,
      answers: Object.fromEntries(tallies.answers.by),
      answers_total: tallies.answers.total,
      answers_under_way: answering.size,
      questions_waiting: ports.provider.waiting,
      input_tokens: tallies.tokens.of('input'),
      output_tokens: tallies.tokens.of('output'),
      tokens_used: tallies.tokens.total,
      average_first_delta_ms: tallies.firstDelta.averageMs,
      average_response_time_ms: tallies.whole.averageMs,
    }),
    errors: (): Fields => ({
      refused: Object.fromEntries(errors.by),
      refused_total: errors.total,
      answers_failed: Object.fromEntries(tallies.failures.by),
      answers_failed_total: tallies.failures.total,
    }),
  };
  const about = (): Fields => ({ node: host.node, since });
  const route = (path: string, summary: string, data: () => Fields): AppRoute =>
    guideRoute(host, door, { method: 'GET', path, summary, answers: figures }, () => ({
      data: { ...about(), ...data() },
    }));
  return [
    route('/metrics', 'Figures of this node since it has started.', () => ({
      connections: parts.connections(),
      ai_usage: parts.ai(),
      errors: parts.errors(),
    })),
    route('/metrics/connections', 'Sockets and streams.', parts.connections),
    route('/metrics/ai', 'Answers, tokens and times.', parts.ai),
    route('/metrics/errors', 'Refusals by code, and answers that failed, by why.', parts.errors),
    guideRoute(
      host,
      door,
      { method: 'GET', path: '/health', summary: 'What a chat needs, as this node sees it.', answers: figures },
      () => {
        const components = componentsOf(ports);
        const isWell = Object.values(components).every((state) => state === 'healthy');
        return {
          data: {
            ...about(),
            overall_status: isWell ? 'healthy' : 'degraded',
            components,
            performance: { average_response_time_ms: tallies.whole.averageMs },
          },
        };
      },
    ),
  ];
}

function componentsOf({ database, provider }: Ports): Fields {
  return {
    websocket_server: 'healthy',
    database: database.isReady ? 'healthy' : 'unhealthy',
    ai_service: provider.state === 'closed' ? 'healthy' : 'unhealthy',
  };
}

function figures(z: Zod) {
  return { 200: z.object({ success: z.literal(true), data: z.looseObject({ node: z.string(), since: z.string() }) }) };
}
