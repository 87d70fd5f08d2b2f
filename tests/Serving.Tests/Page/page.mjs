// Uses the page as a person would. Arguments: playwright's module file, Chromium, the server's address, a scenario, a file for a picture.
import assert from 'node:assert/strict';

const [, , module, executablePath, address, scenario, picture] = process.argv;
const { chromium } = await import(module);
const browser = await chromium.launch({
  executablePath,
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});

const post = async (path, body) => (await fetch(new URL(path, address), { method: 'POST', body: JSON.stringify(body) })).json();

// What is wrong with the page, or not of this server.
function complaintsOf(page) {
  const complaints = [];
  page.on('pageerror', problem => complaints.push(problem.message));
  page.on('console', message => { if (message.type() === 'error' && !message.text().includes('the server responded with a status of')) complaints.push(message.text()); });
  page.on('request', request => { if (!request.url().startsWith(address) && !request.url().startsWith('data:')) complaints.push(request.url()); });
  return complaints;
}

const ready = page => page.waitForSelector('#state[data-state=ready]');
const done = page => page.waitForSelector('#stop:disabled');

async function say(page, text, settings = {}) {
  for (const [field, value] of Object.entries(settings)) await page.fill(`#${field}`, `${value}`);
  await page.fill('#prompt', text);
  await page.click('#send');
}

const scenarios = {
  async chat(page) {
    await ready(page);
    await say(page, 'Hello', { temperature: 0.8, seed: 4, 'max-tokens': 40 });
    await page.waitForSelector('.piece'); // text arrives piece by piece
    await done(page);
    await page.fill('#prompt', 'And then?');
    await page.press('#prompt', 'Enter');
    await page.waitForFunction(() => document.querySelectorAll('.assistant .piece').length > 0 && document.querySelectorAll('.assistant').length === 2);
    await done(page);

    // The server's own answers to the same requests.
    const request = { temperature: 0.8, seed: 4, max_tokens: 40, routing: true, return_token_ids: true };
    const messages = [{ role: 'user', content: 'Hello' }];
    const first = (await post('/v1/chat/completions', { ...request, messages })).choices[0];
    const second = (await post('/v1/chat/completions', { ...request, messages: [...messages, first.message, { role: 'user', content: 'And then?' }] })).choices[0];
    assert.deepEqual(await page.$$eval('.assistant .text', all => all.map(text => text.textContent)), [first, second].map(choice => choice.message.content));
    assert.match(await page.textContent('.assistant .meta'), new RegExp(`^${first.token_ids.length} tokens? · first after [0-9,]+ ms · [0-9.,]+ tokens/s`));

    // The map: its counts, and the colours of its cells.
    const sites = Object.keys(first.routing);
    const counts = sites.map(site => Array.from({ length: 8 }, (_, expert) => [first, second].flatMap(choice => choice.routing[site]).filter(experts => experts.includes(expert)).length));
    assert.deepEqual(sites, ['0', '2', '2.1']);
    assert.deepEqual(await page.evaluate(() => expertMap.own), counts);
    await page.waitForFunction(() => expertMap.lit.size === 0);
    const colours = await page.evaluate(() => {
      const { canvas, gutter, across, down, rows, columns } = geometry(expertMap);
      const pen = canvas.getContext('2d');
      const at = (row, expert) => [...pen.getImageData(Math.round((gutter + (expert + 0.4) * across) * devicePixelRatio), Math.round((row + 0.4) * down * devicePixelRatio), 1, 1).data].join();
      return Array.from({ length: rows }, (_, row) => Array.from({ length: columns }, (_, expert) => at(row, expert)));
    });
    const empty = new Set(), met = new Set();
    counts.forEach((row, i) => row.forEach((count, expert) => (count > 0 ? met : empty).add(colours[i][expert])));
    assert.ok(met.size > 1, 'cells of different counts have different colours');
    assert.ok(empty.size <= 1 && ![...empty].some(colour => met.has(colour)), 'a cell is lit exactly when tokens have met its expert');

    // A token shows its experts; a cell shows its tokens.
    const place = await page.evaluate(() => {
      let token = 0;
      for (const [piece, tokens] of pieces) {
        if (tokens.length === 1 && tokens[0].experts && piece.textContent.trim()) return { token, piece: [...document.querySelectorAll('.piece')].indexOf(piece) };
        token += tokens.length;
      }
    });
    await page.locator('.piece').nth(place.piece).hover();
    assert.ok((await page.textContent('#readout')).endsWith(sites.map(site => `layer ${site}: ${first.routing[site][place.token].join(', ')}`).join(' · ')));
    await page.focus('#map');
    await page.keyboard.press('ArrowDown');
    assert.match(await page.textContent('#readout'), /^Layer 2, expert 0: [0-9]+ of [0-9]+ choices/);
    assert.equal(await page.locator('.piece.same').count() > 0, counts[1][0] > 0);

    await page.check('[name=view][value=server]', { force: true });
    await page.waitForFunction(() => expertMap.all.length === 3 && expertMap.all[0].some(count => count > 0));
    assert.match(await page.textContent('#slots'), /of 8/);
    await page.screenshot({ path: picture, fullPage: true });

    for (const width of [360, 1400]) {
      await page.setViewportSize({ width, height: 900 });
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), width);
    }
    await page.click('#clear');
    assert.equal(await page.locator('.said').count(), 0);
  },

  async stop(page) {
    await ready(page);
    await page.check('[name=mode][value=text]', { force: true });
    await say(page, 'x', { temperature: 0, 'max-tokens': 190_000 });
    await page.waitForFunction(() => document.querySelectorAll('.piece').length > 20);
    await page.click('#stop');
    await done(page);
    assert.match(await page.textContent('.meta'), /stopped$/);
    await page.waitForFunction(() => document.getElementById('running').textContent === '0');
    await say(page, 'x', { 'max-tokens': 9 }); // and it goes on
    await done(page);
    const [stopped, again] = await page.locator('.assistant .text').allTextContents();
    assert.ok(again.length >= 9 && stopped.length > again.length && stopped.startsWith(again), `'${again}' is how '${stopped.slice(0, 20)}...' began`);
  },

  async html(page) {
    await ready(page);
    await page.check('[name=mode][value=text]', { force: true });
    await say(page, 'x', { temperature: 0 });
    await done(page);
    assert.equal(await page.textContent('.assistant .text'), 'x<img src=x onerror=alert(1)> <b>bold</b> &amp; \u00e4\u20ac\u{1f600}');
    assert.equal(await page.locator('#log img, #log b').count(), 0);
  },

  async key(page) {
    await page.waitForSelector('#key-form:visible');
    assert.equal(await page.textContent('#state'), 'A key is needed');
    await page.fill('#key', 'wrong');
    await page.press('#key', 'Enter');
    await page.waitForFunction(() => document.getElementById('key-note').textContent === 'The server does not take this key.');
    await page.fill('#key', 'secret');
    await page.press('#key', 'Enter');
    await ready(page);
    assert.equal(await page.textContent('#key-note'), '');
    await page.reload(); // this tab keeps the key
    await ready(page);
    await say(page, 'Hello', { 'max-tokens': 5000 });
    await done(page);
    assert.match(await page.textContent('.assistant .error'), /the model's context holds 96; ask for at most [0-9]+\.$/);
    assert.equal(await page.inputValue('#prompt'), 'Hello'); // to try again
    await say(page, 'Hello', { 'max-tokens': 5 });
    await done(page);
    assert.ok(await page.locator('.assistant').nth(1).locator('.piece').count() > 0);
    await page.click('#key-forget');
    await page.waitForFunction(() => document.getElementById('state').textContent === 'A key is needed');
    await say(page, 'Hello');
    await done(page);
    assert.match(await page.locator('.assistant').nth(2).locator('.error').textContent(), /asks for (its|a) key/);
  },

  async devices(page) {
    await ready(page);
    await say(page, 'Hello', { 'max-tokens': 30 });
    await done(page);
    await page.waitForFunction(() => document.querySelectorAll('#devices .meter').length === 2);
    assert.deepEqual(await page.$$eval('#devices .meter > :first-child', all => all.map(name => name.textContent)), ['Device 0 · cpu', 'Device 1 · cpu']);
    await page.waitForFunction(() => [...document.querySelectorAll('#devices .meter > :first-child')].every(name => /, [1-9][0-9,]* tokens so far/.test(name.title)));
  },

  async tensors(page) {
    await page.waitForSelector('#infer-body:visible');
    assert.equal(await page.locator('#talk:visible').count(), 0);
    await page.waitForFunction(() => document.getElementById('infer-body').value.includes('input_ids'));
    assert.match(await page.textContent('#signature'), /in input_ids.*INT64.*out logits.*FP32/s);
    const names = { input_ids: [[1, 2], [5, 7]], attention_mask: [[1, 2], [1, 1]], position_ids: [[1, 2], [0, 1]] };
    const body = { outputs: [{ name: 'routing.0.indices' }], inputs: [
      ...Object.entries(names).map(([name, [shape, data]]) => ({ name, datatype: 'INT64', shape, data })),
      ...['key', 'value'].map(name => ({ name: `past_key_values.0.${name}`, datatype: 'FP32', shape: [1, 1, 0, 8], data: [] }))] };
    await page.fill('#infer-body', JSON.stringify(body));
    await page.click('#infer button');
    await page.waitForSelector('#infer-result:visible');
    const { outputs: [expected] } = await post(`/v2/models/${await page.textContent('#model')}/infer`, body);
    assert.equal(await page.textContent('#infer-result'), `routing.0.indices INT64 [1, 2, 2]\n${JSON.stringify(expected.data)}`);
    await page.fill('#infer-body', '{');
    await page.click('#infer button');
    await page.waitForSelector('#infer-note.error');
    assert.match(await page.textContent('#infer-note'), /not valid JSON/);
  },
};

try {
  const page = await browser.newPage({ viewport: { width: 1400, height: 900 } });
  page.setDefaultTimeout(90_000); // a test machine may be busy
  const complaints = complaintsOf(page);
  await page.goto(address);
  await scenarios[scenario](page);
  assert.deepEqual(complaints, []);
  console.log('ok');
} finally {
  await browser.close();
}
