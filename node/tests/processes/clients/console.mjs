// Opens the console of a cluster in a browser, logs in, first with a wrong token, and says what it shows: one
// object of JSON a line, whenever that has changed.
//
// node console.mjs MODULES BROWSER URL TOKEN

const [modules, executablePath, url, token] = process.argv.slice(2);
const { chromium } = (await import(`${modules}/playwright-core/index.mjs`)).default;
const say = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);

const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
// Whoever has started it is gone, or has had enough.
process.stdin.on('end', () => browser.close().then(() => process.exit(0))).resume();
const page = await browser.newPage();
page.on('pageerror', (error) => say({ error: error.message }));
let last = '';
const look = async () => {
  const shown = await page.evaluate(() => {
    const text = (selector, within = document) => within.querySelector(selector).textContent;
    const all = (selector, entry) => Object.fromEntries([...document.querySelectorAll(selector)].map(entry));
    return {
      state: text('#state'),
      problem: text('#problem'),
      health: text('#health'),
      nodes: all('#nodes article', (it) => [text('[data-of=name]', it), it.dataset.state]),
      shards: all('#shards tr', (it) => [text('[data-of=shard]', it), text('[data-of=leader]', it)]),
      is_same: window.isSame === true,
      url: location.href,
      kept: localStorage.length,
    };
  });
  if (JSON.stringify(shown) !== last) say(shown);
  last = JSON.stringify(shown);
  await new Promise((resolve) => setTimeout(resolve, 50));
  return shown;
};
const enter = async (text) => {
  await page.fill('#token', text);
  await page.press('#token', 'Enter');
};

await page.goto(url);
// Gone with a reload.
await page.evaluate(() => { window.isSame = true; });
await enter(`${token.slice(0, -1)}?`);
while (!(await look()).problem);
await enter(token);
for (;;) await look();
