/** The client in one piece, with what most pages use beside it: `dist/client/signalbox.js`, and the development page. */
export { logEvents } from '../debug/index.ts';
export { historyOf } from '../history/index.ts';
export { createClient, isSignalboxError, SignalboxError, signedOut } from '../index.ts';
export { messagesOf, statesOf } from '../iterators/index.ts';
export { queueOf } from '../queue/index.ts';
export { storeOf } from '../store/index.ts';
