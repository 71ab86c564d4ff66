/**
 * Processes that a test file leaves running end with it. Test files share a process, in which a module of the harness is loaded once:
 * an `afterAll` of its own would belong to the first file alone, so the setup of every file calls these.
 */
export const endings = new Set<() => void>();
