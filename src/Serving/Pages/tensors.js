'use strict';
// A model that is no language model: its tensors, and a request to fill in.

const MostShown = 20000; // characters of an answer

document.addEventListener('model', async event => {
  if (event.detail.kind !== 'tensors') return;
  const model = await (await ask(`/v2/models/${encodeURIComponent(event.detail.model)}`)).json();
  const row = (what, tensor) => {
    const line = document.createElement('tr');
    const shape = `[${tensor.shape.map(size => size < 0 ? 'any' : size).join(', ')}]`;
    line.append(...[`${what} ${tensor.name}`, tensor.datatype, shape].map(text => element('td', '', text)));
    return line;
  };
  at('signature').tBodies[0].replaceChildren(...model.inputs.map(input => row('in', input)), ...model.outputs.filter(output => output).map(output => row('out', output)));
  const inputs = model.inputs.filter(input => !input.parameters?.optional).map(example);
  at('infer-body').value = `{\n  "inputs": [\n${inputs.map(input => `    ${JSON.stringify(input)}`).join(',\n')}\n  ]\n}`;
  at('infer').onsubmit = submitted => infer(submitted, model.name);
});

// An input with sizes and values to begin with.
function example(input) {
  const shape = input.shape.map(size => Math.max(1, size));
  const none = input.datatype === 'BOOL' ? false : input.datatype === 'BYTES' ? '' : 0;
  return { name: input.name, datatype: input.datatype, shape, data: new Array(shape.reduce((all, size) => all * size, 1)).fill(none) };
}

async function infer(event, name) {
  event.preventDefault();
  const began = performance.now();
  at('infer-note').className = '';
  at('infer-note').textContent = 'Running';
  try {
    const answer = await (await ask(`/v2/models/${encodeURIComponent(name)}/infer`, at('infer-body').value)).json();
    const lines = answer.outputs.map(({ name: output, datatype, shape, data }) => `${output} ${datatype} [${shape.join(', ')}]\n${JSON.stringify(data)}`).join('\n\n');
    at('infer-result').hidden = false;
    at('infer-result').textContent = lines.length > MostShown ? `${lines.slice(0, MostShown)} … (${number(lines.length - MostShown)} more characters)` : lines;
    at('infer-note').textContent = `Answered in ${number(performance.now() - began)} ms.`;
  } catch (failure) {
    at('infer-result').hidden = true;
    at('infer-note').className = 'error';
    at('infer-note').textContent = failure.message;
  }
}
