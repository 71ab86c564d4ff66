/** What can be wrong with Redis, in words for operators. Addresses and what Redis itself says stand in the log. */

type ProblemCause =
  | 'refused'
  | 'unknown_host'
  | 'silent'
  | 'loading'
  | 'incomplete'
  | 'broken'
  | 'deaf'
  | 'password'
  | 'version'
  | 'policy'
  | 'rights'
  | 'foreign'
  | 'full'
  | 'slow'
  | 'emptied';

export interface LinkProblem {
  readonly cause: ProblemCause;
  readonly says: string;
  readonly cure: string;
  /** Milliseconds since 1970. */
  readonly since: number;
}

type Words = Pick<LinkProblem, 'says' | 'cure'>;

/** Why there is no connection. */
const AWAY = {
  refused: {
    says: 'Redis refuses connections: nobody listens where redis.url says',
    cure: 'start Redis, or correct host and port of redis.url',
  },
  unknown_host: { says: 'the host of redis.url has no address', cure: 'correct redis.url, or the name service' },
  silent: {
    says: 'Redis does not answer: it hangs, it is stopped, or packets are dropped on the way',
    cure: 'look at the process of Redis and at firewalls on the way',
  },
  loading: { says: 'Redis loads its data', cure: 'wait: INFO persistence says how far it is (loading_loaded_perc)' },
  incomplete: {
    says: 'a part of the slots of the cluster has no server',
    cure: 'redis-cli --cluster check HOST:PORT names them; start their servers',
  },
  broken: { says: 'the connection to Redis broke', cure: 'look at the log of Redis for why it ended connections' },
  deaf: {
    says: 'the connection to Redis that messages come by is down',
    cure: 'look at the log of Redis: client-output-buffer-limit pubsub ends connections that read too slowly',
  },
} as const satisfies Partial<Record<ProblemCause, Words>>;

const CURES: Readonly<Record<'password' | 'version' | 'policy' | 'rights' | 'foreign', string>> = {
  password: 'correct user and password in redis.url, and start the nodes anew',
  version: 'upgrade Redis to 7.0 or later',
  policy: 'redis-cli CONFIG SET maxmemory-policy noeviction, and the same in redis.conf',
  rights: 'give the user the line ACL SETUSER of docs/redis.md',
  foreign: 'give each service its own redis.prefix or database',
};

export type UnfitCause = keyof typeof CURES;

export function away(reason: string): Words & { readonly cause: keyof typeof AWAY } {
  const cause = causeOf(reason);
  return { cause, ...AWAY[cause] };
}

export function deaf(): Words & { readonly cause: 'deaf' } {
  return { cause: 'deaf', ...AWAY.deaf };
}

export function unfit(cause: UnfitCause, says: string): Words & { readonly cause: UnfitCause } {
  return { cause, says, cure: CURES[cause] };
}

export function full(): Words & { readonly cause: 'full' } {
  return {
    cause: 'full',
    says: 'Redis is full: it has used up maxmemory, and nothing can be stored',
    cure: 'raise maxmemory (redis-cli CONFIG SET maxmemory …), or shorten topics.history, age_secs, max_bytes',
  };
}

export function slow(ms: number): Words & { readonly cause: 'slow' } {
  return {
    cause: 'slow',
    says: `Redis is slow: no answer came in less than ${Math.round(ms)} ms lately`,
    cure: 'look at redis-cli SLOWLOG GET, at the CPU of its machine, and at the network between (redis-cli --latency)',
  };
}

export function emptied(how: string): Words & { readonly cause: 'emptied' } {
  return {
    cause: 'emptied',
    says: `Redis was emptied: ${how}; the histories of topics that it kept are gone`,
    cure: 'find out who did that (redis-cli ACL LOG, its log), and let Redis keep its data: appendonly yes',
  };
}

/** @param reason what the client library or Redis said */
function causeOf(reason: string): keyof typeof AWAY {
  if (/ECONNREFUSED/.test(reason)) return 'refused';
  if (/ENOTFOUND|EAI_AGAIN/.test(reason)) return 'unknown_host';
  if (/LOADING/.test(reason)) return 'loading';
  if (/CLUSTERDOWN|cluster/i.test(reason)) return 'incomplete';
  return /timed? ?out|did not answer|EHOSTUNREACH|ENETUNREACH/i.test(reason) ? 'silent' : 'broken';
}
