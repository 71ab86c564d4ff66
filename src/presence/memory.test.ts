import { presenceStoreContract } from './contract-suite.ts';
import { storeInMemory } from './test-rig.ts';

presenceStoreContract('in memory', (mode) => Promise.resolve(storeInMemory(mode)));
