import { expect, test } from 'vitest';
import { connectionKernelMemory } from './kernel-memory.ts';

const SLABS = `slabinfo - version: 2.1
TCP                  503    546   2048   16    8 : tunables    0    0    0 : slabdata     42     42      0
sock_inode_cache     649    684    832   16    4 : tunables    0    0    0 : slabdata     36     36      0
filp                2103   3213    192   16    1 : tunables    0    0    0 : slabdata    153    153      0
dentry            686280 686910    192   16    1 : tunables    0    0    0 : slabdata  32710  32710      0
eventpoll_epi       5834   6080    128   32    1 : tunables    0    0    0 : slabdata    190    190      0
`;

test('a connection in the kernel is its objects, with what their slabs cannot use', () => {
  expect(connectionKernelMemory(() => SLABS)).toEqual({ bytes: 2_048 + 1_024 + 256 + 256 + 128, note: null });
});

test('where the kernel does not tell, the figure is that of another one, and it is said', () => {
  const { bytes, note } = connectionKernelMemory(() => {
    throw new Error('EACCES');
  });
  expect(bytes).toBe(3_712);
  expect(note).toContain('not measured');
});
