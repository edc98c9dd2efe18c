// Opens the page of a node in a browser, logs in, publishes a post, and says what it shows: one object of JSON a
// line, whenever that has changed.
//
// node page.mjs MODULES BROWSER URL HANDLE PASSWORD POST

const [modules, executablePath, url, handle, password, post] = process.argv.slice(2);
const { chromium } = (await import(`${modules}/playwright-core/index.mjs`)).default;
const say = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);

const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
// Whoever has started it is gone, or has had enough.
process.stdin.on('end', () => browser.close().then(() => process.exit(0))).resume();
const page = await browser.newPage();
page.on('pageerror', (error) => say({ error: error.message }));
await page.goto(url);
await page.fill('#handle', handle);
await page.fill('#password', password);
await page.click('button[value=sessions]');
// There once somebody has logged in.
await page.fill('#text', post);
await page.press('#text', 'Enter');
let last = '';
for (;;) {
  const shown = await page.evaluate(() => ({
    state: document.querySelector('#state').textContent,
    problem: document.querySelector('#problem').textContent,
    posts: [...document.querySelectorAll('article span')].map((it) => it.textContent),
  }));
  if (JSON.stringify(shown) !== last) say(shown);
  last = JSON.stringify(shown);
  await new Promise((resolve) => setTimeout(resolve, 50));
}
