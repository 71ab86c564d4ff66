/**
 * Seeds by which planted bugs were found, by the name of the bug: one for each kind of world in which it is planted. Bugs that
 * the first few seeds find are not here. A change of the simulator may make a seed useless: its test then looks for another one, from
 * seed 1 on, and takes longer.
 */
export const KNOWN_SEEDS: Readonly<Record<string, readonly number[]>> = {
  'a change of epoch is not told': [39],
  'a hole before a message that is stored is not filled': [42, 129],
  'a hole in the publications is ignored': [76],
  'a lost answer is never made good': [22],
  'a lost answer is taken for a yes': [42, 137],
  'a lost answer is waited for without end': [22],
  'a node that removes itself before all are told anew': [250],
  'a node that writes after its end': [93],
  'after the link was lost nothing is subscribed anew': [20],
  'an answer after the close or the revocation is carried out': [38, 72],
  'an answer of before the rights changed counts': [262, 297],
  'an owner numbers messages out of order': [11, 17],
  'an owner stores a message twice': [8],
  'frames pass one that waits: an answer comes after its unsubscribe': [16, 37],
  'live subscriptions are not asked for anew': [42, 61],
  "pages of an owner's history lack their first message": [42, 129],
  'positions of dead epochs are taken for good': [51],
  'publications do not wait while it is asked anew': [42, 61],
  'sequences are used again in the same epoch': [28],
  'the linger goes on although a reader has come back': [4, 18],
  'the queue is reordered: a later one does not wait': [17, 78],
  'the restart budget has no end': [21],
  'the tail keeps messages that are dead': [78],
  'what is a gap is traced as replayed': [110],
  'what is remembered outlives a change of rights': [16, 42],
  'what was displaced is traced as written': [75],
  'what was purged is not traced': [45],
  'what was trimmed is not admitted': [82],
};
