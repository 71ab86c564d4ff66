import type { Publication } from '../../src/protocol/position.ts';

export const publication: Publication = {
  topic: 'bench.0',
  id: '1763784000123-123456-abcdef',
  position: { epoch: 'abcdefghijkl', sequence: 123_456 },
  from: 'bench',
  clientId: 'p',
  trace: undefined,
  payload: `"${'x'.repeat(126)}"`,
  timestamp: 1_763_784_000_123,
};
