/** The scripts of the broker. topic.lua has what all scripts of a topic have in common. */
import { readScript, type Script } from '../redis/script.ts';

export interface TopicScripts {
  readonly append: Script;
  readonly owner: Script;
  readonly withdraw: Script;
  readonly head: Script;
  readonly read: Script;
  readonly once: Script;
  readonly evict: Script;
  readonly shares: Script;
}

export function readTopicScripts(): TopicScripts {
  const file = (name: string): URL => new URL(`./lua/${name}.lua`, import.meta.url);
  return {
    append: readScript(true, file('topic'), file('inbox'), file('append')),
    owner: readScript(true, file('topic'), file('owner')),
    withdraw: readScript(true, file('topic'), file('withdraw')),
    // These three write only when they must, so that they also answer while nothing can be written.
    head: readScript(false, file('topic'), file('head')),
    read: readScript(false, file('topic'), file('read')),
    evict: readScript(false, file('topic'), file('evict')),
    shares: readScript(true, file('shares')),
    once: readScript(true, file('once')),
  };
}
