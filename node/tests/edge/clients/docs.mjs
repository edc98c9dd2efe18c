// Opens the page with the description of all routes in a browser, and says what it finds: one object of JSON.
//
// node docs.mjs MODULES BROWSER URL HANDLE PASSWORD

const [modules, executablePath, url, handle, password] = process.argv.slice(2);
const { chromium } = (await import(`${modules}/playwright-core/index.mjs`)).default;

const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
const page = await browser.newPage();
const errors = [];
page.on('pageerror', (error) => errors.push(error.message));
page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
await page.goto(`${url}/docs`);
await page.waitForSelector('details.entry');

// What is left when somebody searches.
const search = async (wanted) => {
  await page.fill('#search', wanted);
  return page.$$eval('details.entry:not([hidden])', (entries) => entries.map((it) => it.id));
};
const all = await search('');
const found = {};
for (const id of all) found[id] = await search(id.replace('channel-', 'channel '));
const nothing = await search('no such thing');
const byCode = await search('post_body_size');

// Everything is opened once: what cannot be shown is an error.
await search('');
for (const id of all) await page.click(`#${id} > summary`);

await page.fill('#handle', handle);
await page.fill('#password', password);
await page.click('#who button');
await page.waitForFunction(() => document.querySelector('#token').value !== '');
const said = (id) => page.textContent(`#${id} .try pre`);
const attempt = async (id, body) => {
  if (body) await page.fill(`#${id} .try textarea`, body);
  await page.click(`#${id} .try button`);
  await page.waitForFunction((it) => /\n\d{3} /.test(document.querySelector(`#${it} .try pre`).textContent), id);
  return said(id);
};
const me = await attempt('Me');
const user = /"user": "(\w+)"/.exec(me)[1];
await page.fill('#channel-feed input[name=key]', user);
await page.click('#channel-feed .try button');
await page.waitForFunction(() => document.querySelector('#channel-feed .try pre').textContent.includes('following'));
const published = await attempt('Publish', '{"body": "from the page"}');
await page.waitForFunction(() => document.querySelector('#channel-feed .try pre').textContent.includes('from the page'));
const refused = await attempt('Publish', '{"body": ""}');
process.stdout.write(JSON.stringify({ all, found, nothing, byCode, me, published, refused, live: await said('channel-feed'), errors }));
await browser.close();
