/** The reference of error reasons and close codes, from their tables. */
import { CLOSE_CODES, CLOSE_RANGES } from '../../src/protocol/close-codes.ts';
import { ERRORS } from '../../src/protocol/errors.ts';

export function errorsPage(): string {
  return [
    '# Errors and close codes',
    '',
    '<!-- generated from src/protocol/errors.ts and src/protocol/close-codes.ts: change them there and run `make docs` -->',
    '',
    '## Reasons',
    '',
    'An `Error` frame has `{code, reason, message, temporary, retry_after_ms?, details?}`, a refused HTTP request the body',
    '`{"error": {code, reason, message}}`. The `reason` is stable and is what a program should look at; `code` follows HTTP; `message` says what',
    'was expected and what came. *Temporary* means that the same request can succeed later unchanged. *Strike* means that it counts towards close',
    'code 4010: only what a correct client never sends.',
    '',
    ...Object.entries(ERRORS).flatMap(([reason, { code, temporary, strike, when, remedy }]) => [
      `### ${reason}`,
      '',
      `\`${code}\`${temporary ? ', temporary' : ''}${strike ? ', strike' : ''}. When ${when}.`,
      '',
      `What to do: ${remedy}.`,
      '',
    ]),
    '## Close codes',
    '',
    'The hundred says what the client does, so that an old client handles a new code:',
    '',
    '| range | the client |',
    '| --- | --- |',
    ...CLOSE_RANGES.map(({ from, to, client }) => `| ${from}–${to} | ${client} |`),
    '',
    '| code | name | when |',
    '| --- | --- | --- |',
    ...Object.entries(CLOSE_CODES).map(([name, { code, when }]) => `| ${code} | ${name} | ${when} |`),
    '',
    'RFC 6455 codes keep their meaning. 1006 is what a client sees when the socket broke, when a message was more than four times',
    '`max_message_size`, and often when it did not read: the close frame waits behind what it does not read.',
    '',
  ].join('\n');
}
