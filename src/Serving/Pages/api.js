'use strict';
// How the page talks to the server it came from.

const at = id => document.getElementById(id);

// The key is this tab's alone, and gone when it is closed.
const apiKey = {
  get: () => sessionStorage.getItem('onnxmoe-key') ?? '',
  set: key => key ? sessionStorage.setItem('onnxmoe-key', key) : sessionStorage.removeItem('onnxmoe-key'),
};

class ServerError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

// GET, or POST of a body; throws what the server has against it.
async function ask(path, body, signal) {
  const headers = { 'Content-Type': 'application/json' };
  if (apiKey.get()) headers.Authorization = `Bearer ${apiKey.get()}`;
  const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
  const response = await fetch(path, { method: body === undefined ? 'GET' : 'POST', headers, body: text, signal });
  if (response.ok) return response;
  if (response.status === 401) askForKey();
  const answer = await response.json().catch(() => null);
  throw new ServerError(response.status, answer?.error?.message ?? answer?.error ?? `The server answered with status ${response.status}.`);
}

// The chunks of a streamed answer, as many at a time as have come. However fast they come, the page has time for everything else in between.
async function* chunksOf(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let rest = ''; ;) {
    const { done, value } = await reader.read();
    if (done) throw new Error('The connection ended before the answer did.');
    const events = (rest + value).split('\n\n');
    rest = events.pop();
    const data = events.filter(event => event.startsWith('data: ')).map(event => event.slice('data: '.length));
    const chunks = data.filter(text => text !== '[DONE]').map(text => JSON.parse(text));
    const failed = chunks.find(chunk => chunk.error);
    yield chunks.filter(chunk => !chunk.error);
    if (failed) throw new ServerError(200, failed.error.message);
    if (data.includes('[DONE]')) return;
    await new Promise(resolve => setTimeout(resolve, 15));
  }
}

function askForKey() {
  at('key-form').hidden = false;
  at('key-note').textContent = apiKey.get() ? 'The server does not take this key.' : 'This server asks for its key.';
}

at('key-form').onsubmit = event => {
  event.preventDefault();
  apiKey.set(at('key').value.trim());
  at('key').value = '';
  at('key-note').textContent = '';
  document.dispatchEvent(new Event('key'));
};
at('key-forget').onclick = () => {
  apiKey.set('');
  document.dispatchEvent(new Event('key'));
};

const number = (value, digits = 0) => value.toLocaleString('en', { maximumFractionDigits: digits });
const bytes = value => value >= 1e9 ? `${number(value / 1e9, 2)} GB` : `${number(value / 1e6, value < 1e7 ? 1 : 0)} MB`;
