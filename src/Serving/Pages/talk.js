'use strict';
// The conversation, or the text to be continued.

const talk = { messages: [], abort: null, get mode() { return document.querySelector('[name=mode]:checked').value; } };

function settings() {
  const fields = { stream: true, return_token_ids: true, temperature: +at('temperature').value };
  if (at('max-tokens').value) fields.max_tokens = +at('max-tokens').value;
  if (at('seed').value) fields.seed = +at('seed').value;
  if (expertMap.layers.length > 0) fields.routing = true;
  return fields;
}

function startOver() {
  talk.abort?.abort();
  talk.messages = [];
  pieces.clear();
  at('log').replaceChildren();
  expertMap.hold(null);
  expertMap.clear();
  say();
}

function show(item) {
  at('log').append(item);
  at('log').scrollTop = at('log').scrollHeight;
}

async function send() {
  const chat = talk.mode === 'chat', prompt = at('prompt').value;
  if (talk.abort || (chat && !prompt.trim())) return;
  const system = at('system').value.trim();
  const message = { role: 'user', content: prompt };
  if (chat) show(element('div', 'said user', prompt));
  const answer = new Answer(chat ? '' : prompt);
  show(answer.element);
  const abort = talk.abort = new AbortController();
  at('send').disabled = true;
  at('stop').disabled = false;
  at('log').setAttribute('aria-busy', 'true'); // a screen reader reads the answer when it is whole
  if (chat) at('prompt').value = '';
  let problem = '';
  try {
    const response = chat
      ? await ask('/v1/chat/completions', { ...settings(), messages: [...system ? [{ role: 'system', content: system }] : [], ...talk.messages, message] }, abort.signal)
      : await ask('/v1/completions', { ...settings(), prompt }, abort.signal);
    for await (const chunks of chunksOf(response)) {
      const follows = at('log').scrollHeight - at('log').scrollTop - at('log').clientHeight < 40;
      chunks.flatMap(chunk => chunk.choices).forEach(choice => answer.add(choice));
      if (follows) at('log').scrollTop = at('log').scrollHeight;
    }
  } catch (failure) {
    if (failure.name === 'AbortError') answer.reason = 'stopped';
    else problem = failure instanceof ServerError ? failure.message : `The server cannot be reached: ${failure.message}`;
  }
  answer.end(problem);
  if (chat && talk.abort === abort) {
    if (answer.text || !problem) talk.messages.push(message, { role: 'assistant', content: answer.text });
    else if (!at('prompt').value) at('prompt').value = prompt; // to try again
  }
  if (talk.abort === abort) talk.abort = null;
  at('send').disabled = talk.abort !== null;
  at('stop').disabled = talk.abort === null;
  at('log').setAttribute('aria-busy', 'false');
  at('log').scrollTop = at('log').scrollHeight;
}

function chooseMode() {
  const chat = talk.mode === 'chat';
  startOver();
  at('prompt-label').textContent = chat ? 'Message' : 'Text to continue';
  at('prompt').placeholder = chat ? 'Say something to the model' : 'A text for the model to continue';
  at('send').textContent = chat ? 'Send' : 'Continue';
  at('system-box').hidden = !chat;
}

at('ask').onsubmit = event => {
  event.preventDefault();
  send();
};
at('prompt').onkeydown = event => {
  if (event.key !== 'Enter' || event.isComposing || event.shiftKey || !(event.ctrlKey || event.metaKey || talk.mode === 'chat')) return;
  event.preventDefault();
  at('ask').requestSubmit();
};
at('stop').onclick = () => talk.abort?.abort();
at('clear').onclick = startOver;
document.querySelectorAll('[name=mode]').forEach(radio => radio.onchange = chooseMode);
