import { createElement, StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { createClient } from 'signalbox/client';
import { SignalboxProvider } from 'signalbox/client/react';
import { changed } from './watch.js';

const query = new URLSearchParams(location.search);
const client = createClient({
  url: `ws://127.0.0.1:${query.get('port')}/ws`,
  token: async ({ reason }) => (await fetch(`/token?reason=${reason}`)).text(),
});
const place = document.querySelector('main');
const root = createRoot(place);

globalThis.record = { payloads: [], sequences: [], kinds: [], violations: [] };
client.on('violation', (topic) => globalThis.record.violations.push(topic));
new MutationObserver(changed).observe(place, { childList: true, characterData: true, subtree: true });

/** What a bundler does when a module has changed: it loads the new one and shows its component. */
const versions = { first: () => import('./react-chat.js'), second: () => import('./react-chat.js?second') };
globalThis.show = async (version) => {
  const { Chat } = await versions[version]();
  root.render(
    createElement(StrictMode, null, createElement(SignalboxProvider, { client }, createElement(Chat, { changed }))),
  );
};
globalThis.unmount = () => root.render(null);
await globalThis.show('first');
