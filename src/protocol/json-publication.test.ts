import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { publications } from '../../test/kit/publications.ts';
import { publicationText, readPublication, utf8 } from './json-publication.ts';
import { json } from './json.ts';

test('a frame is read as what was printed, of every kind and with everything that needs escapes', () => {
  fc.assert(
    fc.property(publications, ({ publication }) => {
      const { from, clientId, trace, payload } = publication;
      const read = readPublication(Buffer.from(publicationText(publication)));
      expect(read).toStrictEqual({ from, clientId, trace, payload });
    }),
    { numRuns: 500 },
  );
});

test('a frame is valid JSON that says what the publication is', () => {
  fc.assert(
    fc.property(publications, ({ publication, wire }) => {
      expect(JSON.parse(publicationText(publication))).toEqual(JSON.parse(JSON.stringify(wire)));
    }),
  );
});

test('names that look like parts of a frame are only names', () => {
  fc.assert(
    fc.property(
      publications,
      fc.constantFrom('"payload":', '"from":"', '\\', '"}}', '"client_id":', '"data":{'),
      ({ publication }, tricky) => {
        const odd = { ...publication, from: tricky, clientId: tricky, trace: tricky };
        expect(readPublication(Buffer.from(publicationText(odd)))).toMatchObject({
          from: tricky,
          clientId: tricky,
          trace: tricky,
          payload: publication.payload,
        });
      },
    ),
  );
});

test('a frame that a log has kept is sent as it is', () => {
  fc.assert(
    fc.property(publications, ({ publication }) => {
      const frame = Buffer.from(publicationText(publication));
      expect(json.publication({ ...publication, frame })).toBe(frame);
      expect(utf8(frame)).toBe(publicationText(publication));
    }),
  );
});
