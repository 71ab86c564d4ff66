import type { Host } from '../host-api.ts';
import type { Settings } from './settings.ts';
import type { Storage } from './storage.ts';
export const S3Storage = {
  open: async (_given: Settings, _host: Host): Promise<Storage> => {
    throw new Error('expected storage = "disk"');
  },
};
