/* global signalbox */
'use strict';

var query = new URLSearchParams(location.search);
globalThis.heard = new Promise(function (resolve, reject) {
  var client = signalbox.createClient({
    url: `ws://127.0.0.1:${query.get('port')}/ws`,
    token: function () {
      return fetch('/token').then((answer) => answer.text());
    },
  });
  var topic = client.topic('chat.42');
  topic.on({
    live: () => topic.publish('hello').catch(reject),
    message: (message) => resolve([message.payload, message.mine, Object.keys(window).includes('signalbox')]),
    gap: reject,
    error: reject,
  });
});
