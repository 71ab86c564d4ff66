declare module 'react-test-renderer' {
  import type { ReactNode } from 'react';
  export function act(work: () => Promise<void> | void): Promise<void>;
  export function create(node: ReactNode): { update(node: ReactNode): void; unmount(): void; toJSON(): unknown };
}
