// node encode.mjs LIBRARY TOKENIZER.JSON < ["text", ...]  prints [[id, ...], ...]: what Hugging Face's tokenizers make of the texts.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [library, file] = process.argv.slice(2);
const { Tokenizer } = await import(pathToFileURL(library));
const tokenizer = new Tokenizer(JSON.parse(readFileSync(file, "utf8")), {});
const texts = JSON.parse(readFileSync(0, "utf8"));
console.log(JSON.stringify(texts.map((text) => tokenizer.encode(text, { add_special_tokens: false }).ids)));
