namespace OnnxMoe.Artifacts.Manifests;

/// <summary>The rules a manifest must keep beyond having all its fields.</summary>
internal static class ManifestCheck
{
    /// <summary>Returns <paramref name="manifest"/> if it keeps the rules.</summary>
    /// <exception cref="UserError">Names the file, the field and the rule.</exception>
    public static ModelManifest Passed(ModelManifest manifest, string path)
    {
        Require(manifest.Name.Length > 0, "'name' is empty");
        if (manifest.LanguageModel is { } language)
            Check(language);
        else
            Require(manifest.Kind != ModelManifest.CausalLanguageModel, $"a '{manifest.Kind}' model needs the field 'languageModel'");
        Require(manifest.TokenModel is not null || manifest.Kind is not (ModelManifest.MaskedLanguageModel or ModelManifest.EncoderDecoder), $"a '{manifest.Kind}' model needs the field 'tokenModel'");
        Require(manifest.TokenModel is not { } tokens || (tokens.ContextLength > 0 && tokens.EndOfText >= 0 && tokens.EndOfText < tokens.VocabularySize), "a size in 'tokenModel' is not positive, or 'endOfText' is not a token id");
        Require(manifest.Classifier is not null || manifest.Kind != ModelManifest.SequenceClassifier, $"a '{manifest.Kind}' model needs the field 'classifier'");
        Require(manifest.Classifier is null or { Features: > 0, Length: > 0, Classes: > 1 }, "a size in 'classifier' is not positive, or there are not 2 classes");
        Require(manifest.ChatTemplate?.Message.Contains("{content}", StringComparison.Ordinal) ?? true, "'chatTemplate.message' has no place {content}");
        for (var i = 0; i < manifest.MoeLayers.Count; i++)
        {
            var moe = manifest.MoeLayers[i];
            Require(moe.Experts > 0 && moe.ExpertsPerToken > 0, $"'moeLayers[{i}]' has no experts or chooses none");
            Require(moe.Iterations > 0, $"'moeLayers[{i}].iterations' is not positive");
            Require(i == 0 || manifest.MoeLayers[i - 1].Layer < moe.Layer, $"'moeLayers[{i}].layer' is not larger than the one before");
        }
        Require(manifest.PreGate is null or { Experts: >= 2, File.Length: > 0 }, "'preGate' names no file, or fewer than 2 experts");
        Require(manifest.RouterThreshold is null or { Default: > 0 }, "'routerThreshold.default' is not above 0");
        if (manifest.ActiveExperts is { } active)
        {
            Require(active.Least > 0 && active.Least <= active.Most, $"'activeExperts' offers {active.Least} to {active.Most}");
            Require(active.Measured.Zip(active.Measured.Skip(1)).All(pair => pair.First.K < pair.Second.K), "'activeExperts.measured' is not ascending in 'k'");
            Require(active.Measured.All(quality => quality.K >= active.Least && quality.K <= active.Most), "'activeExperts.measured' has a 'k' outside of 'least' to 'most'");
            Require(active.Problem(active.Default) is null, $"'activeExperts.default' {active.Problem(active.Default)}");
        }
        foreach (var (name, sum) in manifest.Files)
        {
            Require(sum.Length == 64 && sum.All(char.IsAsciiHexDigit), $"'files.{name}' is not a SHA-256 of 64 hexadecimal digits");
            Require(!Path.IsPathRooted(name) && !name.Split('/').Contains(".."), $"the file name '{name}' leaves the model folder");
        }
        return manifest;

        void Check(LanguageModelSizes sizes)
        {
            Require(sizes is { VocabularySize: > 0, ContextLength: > 0, Layers: > 0, HiddenSize: > 0, Heads: > 0, KvHeads: > 0, HeadSize: > 0 },
                "a size in 'languageModel' is not positive");
            Require(sizes.Heads % sizes.KvHeads == 0, $"'languageModel.kvHeads' {sizes.KvHeads} does not divide 'heads' {sizes.Heads}");
            Require(sizes.EndOfText >= 0 && sizes.EndOfText < sizes.VocabularySize, $"'languageModel.endOfText' {sizes.EndOfText} is not a token id");
        }

        void Require(bool rule, string broken)
        {
            if (!rule)
                throw new UserError($"{path}: {broken}.");
        }
    }
}
