/** `signalbox/client/testing`: a server in memory for tests of applications (docs/client.md). */
export { TestServer, type TestServerOptions } from './test-server.ts';
export type { ReceivedFrame, TestSocket } from './test-socket.ts';
export { VirtualClock } from './virtual-clock.ts';
