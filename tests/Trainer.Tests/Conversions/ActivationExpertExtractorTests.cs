using OnnxMoe.Artifacts;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Conversions;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Tests.Conversions;

public class ActivationExpertExtractorTests
{
    private const int Experts = 3, Hidden = 20, Vocabulary = 30;

    [Theory]
    [InlineData(false, true)]
    [InlineData(true, true)]
    [InlineData(false, false)]
    [InlineData(true, false)]
    public void EachExpertIsTheDenseModelWithTheOtherUnitsOff(bool fused, bool gated)
    {
        var dense = Dense(gated);
        var masks = ExpertMasks.Random(2, Experts, Hidden, 13, seed: 1);
        var model = Cut(dense, masks, fused, gated);
        for (var expert = 0; expert < Experts; expert++)
            Close(Logits(Masked(gated, layer => masks.Of(layer, expert)), null), Logits(model, expert));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ExpertsThatKeepAllAreTheDenseModel(bool fused)
    {
        var dense = Dense(gated: true);
        var masks = ExpertMasks.Random(2, Experts, Hidden, Hidden, seed: 1);
        if (fused) // unfused, nothing would be left for the experts themselves
            Close(Logits(dense, null), Logits(Cut(dense, masks, fused, gated: true), 1));
        else
            Assert.Throws<UserError>(masks.RequireOwnParts);
    }

    [Fact]
    public void WhatIsPermanentIsStoredOnce()
    {
        var dense = Dense(gated: true);
        var masks = ExpertMasks.Random(2, Experts, Hidden, 13, seed: 1);
        var saved = Enumerable.Range(0, 2).Sum(layer => masks.Permanent(layer).Length) * (Experts - 1) * 3 * 16;
        Assert.True(saved > 0);
        Assert.Equal(saved, Size(Cut(dense, masks, true, true)) - Size(Cut(dense, masks, false, true)));

        static long Size(DecoderLm model) => model.Weights.Sum(weight => weight.Parameter.numel());
    }

    [Fact]
    public void TheRouterBeginsWithColumnsOfTheEmbedding()
    {
        var dense = Dense(gated: true);
        var router = Cut(dense, ExpertMasks.Random(2, Experts, Hidden, 13, seed: 1), false, true).Router!;
        using var columns = dense.Weights.Single(weight => weight.Name == "embedding").Parameter.narrow(1, 0, 8);
        Assert.Equal(columns.data<float>().ToArray(), router.Embedding.Parameter.data<float>().ToArray());
    }

    [Fact]
    public void ModelsOfOtherFormsAreRefused()
    {
        var masks = ExpertMasks.Random(2, Experts, Hidden, 13, seed: 1);
        Assert.Contains("another form", Assert.Throws<UserError>(() => Cut(Dense(gated: false), masks, false, gated: true)).Message);
        Assert.Contains("Model:PreGate:HiddenSize is 24", Assert.Throws<UserError>(() => Cut(Dense(true), masks, false, true, o => o.PreGate.HiddenSize = 24)).Message);
    }

    [Fact]
    public void ImportanceIsTheMeanSizeOfWhatTheLastProjectionTakes()
    {
        var model = Dense(gated: true);
        var tokens = Enumerable.Range(0, 200).Select(i => i * 7 % Vocabulary).ToArray();
        TextDomain Domain(string name, int[] text) => new(name, 0.5, new TokenStream("train", text), new TokenStream("validation", text), new TokenStream("test", text));
        var domains = new[] { Domain("a", tokens), Domain("b", [.. tokens.Select(token => token / 2)]) };
        var importance = ActivationImportance.Collect(model, domains, samples: 11, length: 6, seed: 5);
        Assert.Equal((2, 2, Hidden), (importance.Length, importance[0].Length, importance[0][0].Length));

        var sums = new double[Hidden];
        for (var part = 0; part < 2; part++)
        {
            var batch = new TrainingMix([domains[1] with { Share = 1 }]).Batch(5, -1, part, part == 0 ? 8 : 3, 6);
            var values = HiddenActivations.Of(model, batch, null)[1].data<float>().ToArray();
            for (var i = 0; i < values.Length; i++)
                sums[i % Hidden] += Math.Abs(values[i]) / (11 * 6);
        }
        for (var unit = 0; unit < Hidden; unit++)
            Assert.Equal(sums[unit], importance[1][1][unit], 1e-5);
    }

    private static DecoderLm Dense(bool gated) => new(Options(gated, o => (o.FirstDenseLayers, o.DenseHidden) = (2, Hidden)), Vocabulary, seed: 4);

    private static ModelOptions Options(bool gated, Action<ModelOptions> change)
    {
        var options = new ModelOptions
        {
            Layers = 2,
            HiddenSize = 16,
            Heads = 4,
            ContextLength = 12,
            Experts = Experts,
            ExpertsPerToken = 1,
            SharedExperts = 0,
            Gated = gated,
            InitialDeviation = 0.4,
        };
        change(options);
        options.Check();
        return options;
    }

    private static DecoderLm Cut(DecoderLm dense, ExpertMasks masks, bool fused, bool gated, Action<ModelOptions>? change = null)
    {
        var options = Options(gated, o =>
        {
            (o.PreGate.Layers, o.PreGate.HiddenSize, o.PreGate.Heads) = (1, 8, 2);
            change?.Invoke(o);
        });
        ActivationExpertExtractor.Settle(options, masks, fused);
        options.Check();
        var model = new DecoderLm(options, Vocabulary, seed: 9);
        ActivationExpertExtractor.Copy(dense, model, masks, 0, fused);
        return model;
    }

    /// <summary>The dense model with all units but some switched off, by zeros in the last projection.</summary>
    private static DecoderLm Masked(bool gated, Func<int, int[]> kept)
    {
        var model = Dense(gated);
        using var noGrad = no_grad();
        for (var layer = 0; layer < 2; layer++)
        {
            var down = model.Weights.Single(weight => weight.Name == $"layers.{layer}.ffn.down").Parameter;
            foreach (var unit in Enumerable.Range(0, Hidden).Except(kept(layer)))
                down[unit].zero_();
        }
        return model;
    }

    private static float[] Logits(DecoderLm model, int? expert)
    {
        using var noGrad = no_grad();
        var ops = new TorchOps();
        long[] tokens = [.. Enumerable.Range(0, 20).Select(i => i * 11L % Vocabulary)];
        var (ids, positions) = new TokenBatch(tokens, tokens, 2, 10).ToValues(ops);
        var context = new ForwardContext(ops) { ExpertIds = expert is { } e ? ops.Value(full(2, 10, e, dtype: ScalarType.Int64)) : null };
        return Some.Floats(model.Forward(ids, positions, context));
    }

    private static void Close(float[] expected, float[] actual)
    {
        var scale = expected.Max(Math.Abs);
        Assert.All(expected.Zip(actual), pair => Assert.True(Math.Abs(pair.First - pair.Second) <= 1e-5 * Math.Max(1, scale), $"{pair}"));
    }
}
