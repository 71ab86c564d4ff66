/** Why a figure may be steeper than linear somewhere, by curve and figure: said below the table of a curve where it is. */

export const KNEES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  topics: {
    'first publish, µs':
      'maps of topics that double are copied once, and V8 moves what is young while the heap grows. The first few hundred topics are too few for an average.',
    'another publish, µs':
      'the hundred topics that get the publishes lie farther apart in memory, so the caches of the processor have them no longer, and V8 marks a larger heap meanwhile. Below 100,000 topics two runs differ by as much as that: 4.4 and 8.9 µs at 1,000 topics.',
    'CPU of a second at rest, ms':
      'the rounds through all topics take several turns of a second. From 20,000 topics on they take 20,000 a second, and the cost stays.',
    'slowest answer at rest, ms':
      'V8 collects the heap that was filled just before, in steps; the larger it is, the longer the steps are.',
  },
  subscriptions: {
    'memory of a subscription, bytes':
      'it is the difference of what the process has before and after, and V8 gives memory back in between: of some megabytes that says little.',
  },
  patterns: {
    'subscribe to a pattern, µs':
      'a pattern looks at all names that its literal segments leave over, and each of the thousand looks at more topics than the one before: those that were born meanwhile.',
  },
  nodes: {
    'publish, µs of its node':
      'all nodes share one core here, so the publisher’s node is woken for smaller batches of answers.',
    'deliver, µs of another node':
      'all nodes share one core here: each is woken for smaller batches, and finds the caches of the processor full of what the others use.',
    'CPU of a second at rest, ms of a node': 'every few seconds a node looks which of the others are alive.',
    'CPU of a second at rest, ms of Redis': 'every few seconds each node looks which of the others are alive.',
  },
  keys: {
    'first publish, µs of Redis':
      'hash tables that double are moved entry by entry while they are used, and the keys no longer fit into the caches of the processor.',
    'another publish, µs of the node':
      'from 20,000 keys on the publishes go to the same number of topics, 10,000, so the keys are not the reason: another run had 31 to 35 µs at every number of keys.',
    'another publish, µs of Redis':
      'the publishes go to as many topics as there are, 10,000 at most: fewer of one turn are of the same topic, so a call brings fewer messages.',
  },
};
