using System.Text.Json;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Tokenizers;
using OnnxMoe.Trainer.Data;

namespace OnnxMoe.Exporter.Verification;

/// <summary>Text that the model was not trained on, as tokens.</summary>
public static class HeldOutText
{
    private const string Passage = "The river had risen in the night, and by the time the bell rang for morning the lower fields were under water. "
        + "Nobody in the village was surprised. They had watched the snow on the hills for weeks, and they knew what a warm wind in March would do to it. "
        + "What they had not expected was the bridge. It had stood for two hundred years, and now the middle arch leaned to one side like an old man "
        + "who has forgotten what he wanted to say. The children were told to keep away from it, and so of course they went to look.";

    /// <summary>The first tokens of the file that is named, else of the test part of the model's training data (equal parts of all domains), else of a passage that this program has.</summary>
    /// <param name="modelFolder">Where the tokenizer is.</param>
    /// <param name="file">A text file, or empty.</param>
    /// <param name="count">Tokens wanted; there may be fewer.</param>
    /// <param name="log">Told when the training data are not here.</param>
    /// <exception cref="UserError">The file is missing, or has too little text.</exception>
    public static long[] Load(string modelFolder, ModelManifest manifest, string file, int count, TextWriter log)
    {
        var language = manifest.LanguageModel ?? throw new UserError($"The model in {modelFolder} is not a language model, so it cannot be compared on text.");
        var tokenizer = Tokenizer.Load(modelFolder, language);
        var domains = Domains(manifest, file, log);
        var part = (count + domains.Count - 1) / domains.Count;
        var tokens = domains.SelectMany(texts => texts.SelectMany(text => tokenizer.Encode(text).Append(tokenizer.EndOfText)).Take(part)).Take(count).Select(id => (long)id).ToArray();
        return tokens.Length >= 4 ? tokens : throw new UserError($"The text to compare on has {tokens.Length} tokens; at least 4 are needed (Export:Text).");
    }

    private static IReadOnlyList<IEnumerable<string>> Domains(ModelManifest manifest, string file, TextWriter log)
    {
        if (file.Length > 0)
            return File.Exists(file) ? [[File.ReadAllText(file)]] : throw new UserError($"There is no file {file} (Export:Text).");
        try
        {
            var options = manifest.Recipe?["Data"]?.Deserialize<DataOptions>() ?? throw new UserError("The manifest does not say what the training data were.");
            return [.. TextCorpus.Load(options).Select(corpus => (corpus.Test.Count > 0 ? corpus.Test : corpus.Validation).Select(document => document.Text))];
        }
        catch (UserError problem)
        {
            log.WriteLine($"The held-out text is not here, so a built-in passage is compared on. ({problem.Message})");
            return [[Passage]];
        }
    }
}
