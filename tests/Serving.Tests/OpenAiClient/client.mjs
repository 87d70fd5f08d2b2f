// Talks to the server through OpenAI's own client, unchanged. Arguments: the client's module file, the server's address (its key is "right",
// and it has room for two sequences).
import assert from 'node:assert/strict';

const [, , clientModule, address] = process.argv;
const { default: OpenAI } = await import(clientModule);
const connect = (apiKey, more = {}) => new OpenAI({ apiKey, baseURL: `${address}v1`, maxRetries: 0, ...more });
const client = connect('right');

const models = await client.models.list();
assert.equal(models.data[0].id, 'tiny');
assert.equal((await client.models.retrieve('tiny')).owned_by, 'onnxmoe');

// Completions, whole and streamed.
const request = { model: 'tiny', prompt: 'Hello', max_tokens: 12, seed: 4 };
const whole = await client.completions.create(request);
assert.equal(whole.usage.completion_tokens, 12);
let text = '';
for await (const chunk of await client.completions.create({ ...request, stream: true })) text += chunk.choices[0].text;
assert.equal(text, whole.choices[0].text);

const scored = await client.completions.create({ ...request, logprobs: 3, echo: true, n: 2 });
assert.equal(scored.choices.length, 2);
for (const choice of scored.choices) {
  assert.equal(choice.logprobs.tokens.length, 5 + 12);
  assert.equal(choice.logprobs.token_logprobs[0], null);
  assert.ok(Object.keys(choice.logprobs.top_logprobs[5]).length >= 3);
  assert.ok(choice.text.startsWith('Hello'));
}

// Chat, whole and streamed.
const chat = { model: 'tiny', messages: [{ role: 'user', content: 'Hello' }], max_completion_tokens: 12, seed: 4 };
const answer = await client.chat.completions.create(chat);
assert.equal(answer.choices[0].message.role, 'assistant');
assert.equal(answer.choices[0].message.refusal, null);
assert.match(answer.system_fingerprint, /^fp_[0-9a-f]{12}$/);
let [content, usage, reason] = ['', null, null];
for await (const chunk of await client.chat.completions.create({ ...chat, stream: true, stream_options: { include_usage: true } })) {
  content += chunk.choices[0]?.delta.content ?? '';
  reason = chunk.choices[0]?.finish_reason ?? reason;
  usage = chunk.usage ?? usage;
}
assert.equal(content, answer.choices[0].message.content);
assert.equal(reason, answer.choices[0].finish_reason);
assert.deepEqual(usage, answer.usage);

const several = await client.chat.completions.create({ ...chat, n: 2, logprobs: true, top_logprobs: 2 });
assert.deepEqual(several.choices.map(choice => choice.index), [0, 1]);
for (const choice of several.choices)
  for (const token of choice.logprobs.content) {
    assert.equal(token.top_logprobs.length, 2);
    assert.ok(token.logprob <= 0 && Array.isArray(token.bytes));
  }
const helped = client.chat.completions.stream({ ...chat, stream: true });
assert.equal((await helped.finalChatCompletion()).choices[0].message.content, content);

// Errors have the classes that programs catch.
await assert.rejects(client.completions.create({ ...request, max_tokens: 5e6 }),
  problem => problem instanceof OpenAI.BadRequestError && problem.code === 'context_length_exceeded' && problem.param === 'max_tokens');
await assert.rejects(client.completions.create({ ...request, model: 'other' }), problem => problem instanceof OpenAI.NotFoundError && problem.code === 'model_not_found');
await assert.rejects(client.chat.completions.create({ ...chat, tools: [{ type: 'function', function: { name: 'f' } }] }),
  problem => problem instanceof OpenAI.BadRequestError && problem.param === 'tools');
await assert.rejects(connect('wrong').models.list(), problem => problem instanceof OpenAI.AuthenticationError && problem.code === 'invalid_api_key');
assert.ok((await client.completions.create(request).withResponse()).response.headers.get('x-request-id'));

// A full queue: two endless answers take both places. Leaving them in the middle frees the places.
const endless = { model: 'tiny', prompt: 'Hello', max_tokens: 190000, stream: true, ignore_eos: true };
const streams = [await client.completions.create(endless), await client.chat.completions.create({ ...endless, messages: chat.messages })];
const readers = streams.map(stream => stream[Symbol.asyncIterator]());
for (const reader of readers) assert.equal((await reader.next()).done, false);
await assert.rejects(client.completions.create(request),
  problem => problem instanceof OpenAI.RateLimitError && problem.code === 'queue_full' && Number(problem.headers.get('retry-after')) >= 1);
for (const stream of streams) stream.controller.abort();
const patient = connect('right', { maxRetries: 10 }); // comes again by itself, as Retry-After says
assert.equal((await patient.completions.create(request)).choices[0].text, text);

// Time: the client's own, and the server's, which the client does not repeat.
await assert.rejects(client.completions.create({ ...endless, stream: false }, { timeout: 300 }), problem => problem instanceof OpenAI.APIConnectionTimeoutError);
const cut = await patient.completions.create({ ...endless, stream: false, timeout: 0.3 });
assert.equal(cut.choices[0].finish_reason, 'length');
assert.equal(cut.choices[0].stop_reason, 'timeout');

console.log('ok');
