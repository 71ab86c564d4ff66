/** The commonest ways in which a sentence loses its subject or its order, each with what to write instead. */

interface Fault {
  readonly name: string;
  readonly cure: string;
  readonly isIn: (sentence: string) => boolean;
}

const VERBS = new Set(
  'is are was were has have had does do can may must cannot will would stays stay ends goes comes gets takes gives costs waits wants counts depends leaves identifies makes matters says holds knows needs need loses answers means begins follows shows fails works differs serves survives fits brings belongs stands happens allow allows reaches arrives passes gone'.split(
    ' ',
  ),
);
/** Words after which another clause begins, with verbs of its own. */
const CLAUSE =
  /[.;:(—]|\b(?:that|which|who|whose|when|where|if|whether|how|why|because|so|while|as|once|in case|and what|before it)\b/;
/** Words before a verb that belong to another one. */
const JOINED = new Set([
  'is',
  'are',
  'was',
  'were',
  'be',
  'been',
  'has',
  'have',
  'had',
  'not',
  'to',
  'can',
  'may',
  'must',
  'cannot',
  'will',
  'would',
]);

const MISSING_NOUN =
  /\b(?:closes|gives|tells|sends|lets|for|to|than|by|only) who (?:is|was|were|has|had|comes|came|asks|reads|sends|may|needs|wants)\b|[;:] who (?:is|was|were|has|had|comes|came|asks|reads|sends|may|needs|wants)\b(?!.*,)/;

export const FAULTS: readonly Fault[] = [
  {
    name: 'Who … as a subject',
    cure: 'name who: "Clients that come now get 503", not "Who comes now is told 503"',
    isIn: (sentence) => /^Who (?!.*\?)/.test(sentence),
  },
  {
    name: 'who … without a noun before it',
    cure: 'name who: "closes clients that are silent", not "closes who is silent"',
    isIn: (sentence) => MISSING_NOUN.test(sentence) && !sentence.endsWith('?'),
  },
  {
    name: 'whoever',
    cure: 'name who: a client, a user, an operator, a caller',
    isIn: (sentence) => /\bwhoever\b/i.test(sentence),
  },
  {
    name: 'else as an adverb',
    cure: 'begin a sentence with "Otherwise", or with "Without …"',
    isIn: (sentence) => /\b(would|could|might|must|should) else\b/.test(sentence),
  },
  {
    name: 'What … is as a subject',
    cure: 'name what: "The client loses …", "Messages that …"',
    isIn: isFreeRelative,
  },
];

/** `What was queued is gone`: a second verb before another clause begins. A label ("What a node knows") has one. */
function isFreeRelative(sentence: string): boolean {
  const [, rest] = /^What (.*)/.exec(sentence) ?? [];
  if (rest === undefined || sentence.endsWith('?')) return false;
  const [clause = ''] = rest.replaceAll(/`[^`]*`/g, 'it').split(CLAUSE, 1);
  let verbs = 0;
  let before = '';
  for (const word of clause.replaceAll(',', '').split(' ')) {
    const isJoined =
      before === 'and' ||
      before === 'or' ||
      before === 'nor' ||
      (JOINED.has(before) && !/^(is|are|was|were)$/.test(word));
    if (VERBS.has(word) && !isJoined) verbs += 1;
    before = word;
  }
  return verbs >= 2;
}
