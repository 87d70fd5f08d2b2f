using OnnxMoe.Artifacts.Tokenizers;
using OnnxMoe.Experiments.TinyModels;
using OnnxMoe.Experiments.Verdicts;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Experiments.Tests.Support;

/// <summary>Small inputs for tests.</summary>
internal static class Some
{
    private static readonly string[] Words = ["the", "state", "of", "union", "is", "strong", "and", "people", "free"];

    /// <summary>Seeded random sentences of a few words.</summary>
    public static string Text(int seed, int words)
    {
        var random = new Random(seed);
        return string.Join(' ', Enumerable.Range(0, words).Select(_ => Words[random.Next(Words.Length)]));
    }

    public static TokenDataset Data() => new(new ByteTokenizer(), [new TextDomain("words", 1, Stream("train", 1, 2000), Stream("validation", 2, 500), Stream("test", 3, 100))]);

    /// <summary>The common set-up at a size that trains in a moment.</summary>
    public static TinySetup Setup(Action<ModelOptions>? model = null, Action<TrainerOptions>? trainer = null) => TinySetup.Create(
        options =>
        {
            (options.Layers, options.HiddenSize, options.Heads, options.ContextLength) = (2, 16, 2, 16);
            (options.Experts, options.ExpertHidden, options.InitialDeviation) = (6, 8, 0.2);
            model?.Invoke(options);
        },
        options =>
        {
            (options.Steps, options.BatchSize, options.SequenceLength, options.WarmupSteps, options.EvaluationTokens) = (6, 4, 16, 1, 320);
            trainer?.Invoke(options);
        });

    public static PairedDifference Differences(params double[] values) => new([.. values.Select((value, i) => (i + 1L, value))]);

    private static TokenStream Stream(string name, int seed, int words) => new(name, new ByteTokenizer().Encode(Text(seed, words)));
}
