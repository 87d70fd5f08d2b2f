'use strict';
// What the server is doing, asked once a second while somebody looks.

const Remembered = 60; // seconds of the line of tokens a second

const watch = { last: null, timer: 0, pace: [] };

async function look() {
  clearTimeout(watch.timer);
  try {
    const counts = expertMap.view === 'server' || expertMap.layers.length === 0;
    const status = await (await ask(`/status?counts=${counts}`)).json();
    showStatus(status, watch.last);
    watch.last = status;
  } catch (failure) {
    watch.last = null;
    const away = !(failure instanceof ServerError);
    setState('bad', away ? 'The server cannot be reached' : failure.status === 401 ? 'A key is needed' : failure.message);
  }
  if (!document.hidden) watch.timer = setTimeout(look, 1000);
}

function setState(state, text) {
  at('state').dataset.state = state;
  if (at('state').textContent !== text) at('state').textContent = text; // said again only when it changes
}

function showStatus(status, last) {
  setState(status.ready ? 'ready' : 'bad', status.ready ? `Ready · version ${status.version}` : 'Shutting down');
  at('key-note').textContent = '';
  at('key-form').hidden = !apiKey.get();
  if (at('main').dataset.kind !== status.kind) {
    at('main').dataset.kind = status.kind;
    at('model').textContent = status.model;
    document.title = `${status.model} · OnnxMoe`;
    document.dispatchEvent(new CustomEvent('model', { detail: status }));
  }
  const seconds = last ? status.seconds - last.seconds : 0;
  const rate = (now, before) => seconds > 0 ? Math.max(0, (now - before) / seconds) : 0;
  showLoad(status, last, rate);
  if (status.kind !== 'language') return;

  at('base-note').hidden = status.chat_template;
  at('experts').hidden = status.layers.length === 0;
  expertMap.setLayers(status.layers);
  const generated = rate(status.tokens.generated, last?.tokens.generated);
  at('generated').textContent = number(generated, generated < 10 ? 1 : 0);
  at('read').textContent = number(rate(status.tokens.prompt, last?.tokens.prompt));
  at('running').textContent = number(status.queue.running);
  at('slots').textContent = `of ${number(status.queue.slots)}`;
  at('waiting').textContent = number(status.queue.waiting);
  at('queue').textContent = `of ${number(status.queue.limit)}`;
  showCache(status.cache);
  watch.pace = [...watch.pace, generated].slice(-Remembered);
  const most = Math.max(1, ...watch.pace);
  at('pace').firstElementChild.setAttribute('points', watch.pace.map((value, i) => `${120 - 2 * (watch.pace.length - 1 - i)},${23 - 22 * value / most}`).join(' '));
}

function showCache(cache) {
  const pages = cache.pages;
  at('cache').value = pages ? pages.used / pages.total : 0;
  at('cache').hidden = !pages;
  at('cache-text').textContent = pages ? `${number(pages.used)} of ${number(pages.total)} pages, ${number(pages.kept)} kept` : `${number(cache.tokens)} tokens, ${bytes(cache.bytes)}`;
  at('reused').textContent = number(pages?.tokens_reused ?? 0);
  at('reused-share').textContent = pages?.tokens_asked ? `(${number(100 * pages.tokens_reused / pages.tokens_asked)} %)` : '';
  at('preemptions').textContent = number(cache.preemptions);
}

function showLoad(status, last, rate) {
  const used = rate(status.process.cpu_seconds, last?.process.cpu_seconds);
  at('processor').value = used / status.process.processors;
  at('processor-text').textContent = `${number(used, 1)} of ${status.process.processors} cores`;
  at('memory').textContent = bytes(status.process.memory_bytes);
  at('balance').value = status.balance ?? 0;
  at('balance-text').textContent = status.balance == null ? 'no tokens yet' : `busiest: ${number(1 / status.balance, 1)} × mean`;

  const devices = status.devices ?? [];
  while (at('devices').childElementCount > devices.length) at('devices').lastElementChild.remove();
  devices.forEach((device, i) => {
    const meter = at('devices').children[i] ?? at('devices').appendChild(deviceMeter());
    const busy = rate(device.busy_seconds, last?.devices?.[i]?.busy_seconds), tokens = rate(device.tokens, last?.devices?.[i]?.tokens);
    const [name, bar, text] = meter.children;
    name.textContent = `Device ${i} · ${device.device}`;
    name.title = `${number(device.experts)} experts, ${number(device.tokens)} tokens so far`;
    bar.value = Math.min(1, busy);
    bar.setAttribute('aria-label', `Share of the time in which device ${i} works on experts`);
    text.textContent = `${number(100 * Math.min(1, busy))} % · ${number(tokens)} tokens/s`;
  });
}

function deviceMeter() {
  const meter = element('div', 'meter'), bar = document.createElement('progress');
  bar.max = 1;
  meter.append(element('span', ''), bar, element('span', ''));
  return meter;
}

document.addEventListener('visibilitychange', () => { if (!document.hidden) look(); });
document.addEventListener('key', look);
document.addEventListener('view', look);
look();
