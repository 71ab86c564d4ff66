/**
 * What a test file leaves running ends with it. Test files share a process, in which a module of the harness is loaded once:
 * an `afterAll` of its own would belong to the first file alone, so the setup of every file calls these.
 */
export const endings = new Set<() => void>();
