// Talks to the server through OpenAI's own client. Arguments: the client's module file, the server's address.
import assert from 'node:assert/strict';

const [, , clientModule, address] = process.argv;
const { default: OpenAI } = await import(clientModule);
const client = new OpenAI({ apiKey: 'any', baseURL: `${address}v1`, maxRetries: 0 });

const models = await client.models.list();
assert.equal(models.data[0].id, 'tiny');

const request = { model: 'tiny', prompt: 'Hello', max_tokens: 12, seed: 4 };
const whole = await client.completions.create(request);
assert.equal(whole.usage.completion_tokens, 12);
let text = '';
for await (const chunk of await client.completions.create({ ...request, stream: true })) text += chunk.choices[0].text;
assert.equal(text, whole.choices[0].text);

const chat = { model: 'tiny', messages: [{ role: 'user', content: 'Hello' }], max_completion_tokens: 12, seed: 4 };
const answer = await client.chat.completions.create(chat);
assert.equal(answer.choices[0].message.role, 'assistant');
let [content, usage, reason] = ['', null, null];
for await (const chunk of await client.chat.completions.create({ ...chat, stream: true, stream_options: { include_usage: true } })) {
  content += chunk.choices[0]?.delta.content ?? '';
  reason = chunk.choices[0]?.finish_reason ?? reason;
  usage = chunk.usage ?? usage;
}
assert.equal(content, answer.choices[0].message.content);
assert.equal(reason, answer.choices[0].finish_reason);
assert.deepEqual(usage, answer.usage);

await assert.rejects(client.completions.create({ ...request, max_tokens: 5000 }),
  problem => problem instanceof OpenAI.BadRequestError && problem.code === 'context_length_exceeded' && problem.param === 'max_tokens');
await assert.rejects(client.completions.create({ ...request, model: 'other' }), problem => problem instanceof OpenAI.NotFoundError);
console.log('ok');
