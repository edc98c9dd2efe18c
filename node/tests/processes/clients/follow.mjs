// Follows a channel with the client of others, unchanged, and says what it gets: one object of JSON a line.
//
// node follow.mjs MODULES URL TOKEN CHANNEL

const [modules, url, token, channel] = process.argv.slice(2);
const { Centrifuge } = await import(`${modules}/centrifuge/build/index.mjs`);
// Older releases of Node.js have none of their own.
const websocket = globalThis.WebSocket ?? (await import(`${modules}/ws/wrapper.mjs`)).default;
const say = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);

const client = new Centrifuge(url, { token, websocket, minReconnectDelay: 50, maxReconnectDelay: 500 });
const subscription = client.newSubscription(channel, { minResubscribeDelay: 50, maxResubscribeDelay: 500 });
client.on('connected', () => say({ connected: true }));
client.on('connecting', ({ code, reason }) => say({ connecting: code, reason }));
client.on('disconnected', ({ code, reason }) => {
  say({ disconnected: code, reason });
  // Far above the longest delay: whoever was told to stay away is still away.
  setTimeout(() => say({ later: client.state }), 2000);
});
subscription.on('subscribed', ({ wasRecovering, recovered }) => say({ subscribed: true, wasRecovering, recovered }));
subscription.on('error', ({ error }) => say({ error: error.code }));
subscription.on('publication', ({ offset, data }) => say({ offset, data }));
subscription.subscribe();
client.connect();
// Whoever has started it is gone, or has had enough.
process.stdin.on('end', () => process.exit(0)).resume();
