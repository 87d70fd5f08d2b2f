// Tokens a second of llama.cpp on a GGUF file: prompts, answers of one user, and the sum over eight users; each the best over 1 and 2 threads (decoding
// with 2 threads on 2 cores is at times slower than with 1), with and without flash attention, and several runs.
// usage: node speed.mjs MODEL.gguf VOCABULARY PROMPT ANSWER RUNS    prints one line: prefill decode decode-8
import {getLlama, LlamaLogLevel} from "node-llama-cpp";

const [, , path, vocabulary, promptLength, answerLength, runs] = process.argv;
const [prompt, answer] = [+promptLength, +answerLength];
const llama = await getLlama({gpu: false, build: "never", logLevel: LlamaLogLevel.error, maxThreads: 2});
const model = await llama.loadModel({modelPath: path, gpuLayers: 0, useMmap: false});
const first = Math.min(300, vocabulary / 2); // behind the special ones
const tokens = user => Array.from({length: prompt}, (_, i) => first + ((user * 31 + i) * 7919) % (vocabulary - first));
const best = {prefill: 0, one: 0, eight: 0};

async function decode(context, users) {
    const sequences = Array.from({length: users}, () => context.getSequence());
    await Promise.all(sequences.map((sequence, user) => sequence.evaluateWithoutGeneratingNewTokens(tokens(user).slice(0, -1))));
    const start = performance.now();
    const counts = await Promise.all(sequences.map(async (sequence, user) => {
        let count = 0;
        for await (const _ of sequence.evaluate([tokens(user).at(-1)], {temperature: 0, yieldEogToken: true}))
            if (++count >= answer)
                break;
        return count;
    }));
    return counts.reduce((sum, count) => sum + count) / (performance.now() - start) * 1e3;
}

for (const [threads, flashAttention] of [[1, false], [2, false], [1, true], [2, true]])
    for (let run = 0; run < +runs; run++)
        for (const users of [1, 8]) {
            const context = await model.createContext({contextSize: prompt + answer + 64, sequences: users, batchSize: 512, threads, flashAttention});
            if (users === 1) {
                const sequence = context.getSequence();
                const start = performance.now();
                await sequence.evaluateWithoutGeneratingNewTokens(tokens(0));
                best.prefill = Math.max(best.prefill, prompt / (performance.now() - start) * 1e3);
                sequence.dispose();
            }
            const rate = await decode(context, users);
            if (users === 1)
                best.one = Math.max(best.one, rate);
            else
                best.eight = Math.max(best.eight, rate);
            await context.dispose();
        }
console.log(`${best.prefill} ${best.one} ${best.eight}`);
process.exit(0);
