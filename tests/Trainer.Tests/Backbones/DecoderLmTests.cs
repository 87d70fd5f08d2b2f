using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Tests.Backbones;

public class DecoderLmTests
{
    private const int Vocabulary = 11;
    private static readonly TorchOps Ops = new(training: false);

    private static readonly Dictionary<string, Action<ModelOptions>> Models = new()
    {
        ["plain"] = _ => { },
        ["tied head"] = o => o.TiedHead = true,
        ["recurrent router"] = o => (o.Layers, o.Router.Scores, o.Router.Recurrent.Width) = (4, "recurrent", 8),
        ["momentum"] = o => (o.Layers, o.Residual.Kind) = (4, "heavy-ball"),
        ["robust momentum"] = o => (o.Layers, o.Residual.Kind) = (4, "robust"),
        ["Adam first, post-norm"] = o => (o.Layers, o.Residual.Kind, o.Residual.Decay, o.Block) = (4, "adam", 1, "post-norm"),
    };

    public static TheoryData<string> Kinds => [.. Models.Keys];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void TokenByTokenThroughTheCacheGivesTheLogitsOfOnePass(string kind)
    {
        var model = Make(kind);
        long[] ids = [3, 1, 4, 1, 5, 9, 2, 6];
        var whole = Logits(model, ids);

        var inputs = Feed(model, ids[..1], [0], new long[] { 1 }, null);
        for (var i = 0; i < ids.Length; i++)
        {
            var outputs = model.Run(Ops, inputs);
            Close(whole[(i * Vocabulary)..((i + 1) * Vocabulary)], Some.Floats(outputs["logits"]));
            if (i + 1 < ids.Length)
                inputs = Feed(model, ids[(i + 1)..(i + 2)], [i + 1], [.. Enumerable.Repeat(1L, i + 2)], outputs);
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void LeftPaddingChangesNothing(string kind)
    {
        var model = Make(kind);
        long[] ids = [3, 1, 4];
        var padded = model.Run(Ops, Feed(model, [0, 0, .. ids], [0, 0, 0, 1, 2], [0, 0, 1, 1, 1], null));

        Close(Logits(model, ids), Some.Floats(padded["logits"])[(2 * Vocabulary)..]);
    }

    [Fact]
    public void TheTrainingPassGivesTheLogitsOfTheServingPass()
    {
        var model = new DecoderLm(Some.SmallModel(), Vocabulary, 1);
        long[] ids = [3, 1, 4, 1];
        var training = model.Forward(Ops.Constant(HostTensor.From(ids, 1, 4)), Ops.Constant(HostTensor.From(new long[] { 0, 1, 2, 3 }, 1, 4)), new ForwardContext(Ops));

        Close(Logits(model, ids), Some.Floats(training));
    }

    [Fact]
    public void OutputsAreAsDeclared()
    {
        var model = new DecoderLm(Some.SmallModel(), Vocabulary, 1);
        var outputs = model.Run(Ops, Feed(model, [1, 2, 3], [0, 1, 2], [1, 1, 1], null));

        Assert.Equal(model.Outputs.Select(o => o.Name).Order(), outputs.Keys.Order());
        Assert.All(model.Outputs, o => Assert.Equal(o.Type, outputs[o.Name].Type));
        Assert.All(model.Outputs, o => Assert.Equal(o.Dimensions.Length, ((TorchValue)outputs[o.Name]).Tensor.dim()));
    }

    [Fact]
    public void TheSameSeedGivesTheSameWeights()
    {
        var a = new DecoderLm(Some.SmallModel(), Vocabulary, 5).Weights;
        var b = new DecoderLm(Some.SmallModel(), Vocabulary, 5).Weights;
        var c = new DecoderLm(Some.SmallModel(), Vocabulary, 6).Weights;

        Assert.Equal(a.Select(w => w.Name).Distinct().Count(), a.Count);
        Assert.All(a.Zip(b), pair => Assert.True(Same(pair.First, pair.Second)));
        Assert.False(Same(a[0], c[0]));
    }

    [Theory]
    [InlineData("Heads", 3, "Model:Heads is 3, which does not divide Model:HiddenSize 16.")]
    [InlineData("KvHeads", 3, "Model:KvHeads is 3, which does not divide Model:Heads 4.")]
    [InlineData("ExpertsPerToken", 7, "Model:ExpertsPerToken is 7; there are only 6 routed experts.")]
    [InlineData("FirstDenseLayers", 3, "Model:FirstDenseLayers is 3; the model has only 2 layers.")]
    public void SettingsThatDoNotGoTogetherAreNamed(string setting, int value, string message)
    {
        var options = Some.SmallModel();
        typeof(ModelOptions).GetProperty(setting)!.SetValue(options, value);

        Assert.Equal(message, Assert.Throws<UserError>(options.Check).Message);
    }

    [Fact]
    public void SettingsOfTheRouterThatDoNotGoTogetherAreNamed()
    {
        var options = Some.SmallModel();
        options.Router.DeviceGroups = 4;

        Assert.Equal("Model:Router:DeviceGroups is 4, which does not divide Model:Experts 6.", Assert.Throws<UserError>(options.Check).Message);
    }

    private static DecoderLm Make(string kind)
    {
        var options = Some.SmallModel();
        Models[kind](options);
        options.Check();
        return new DecoderLm(options, Vocabulary, 1);
    }

    private static bool Same(Weight a, Weight b) => TorchTensors.ToHost(a.Parameter).Data.SequenceEqual(TorchTensors.ToHost(b.Parameter).Data);

    private static float[] Logits(DecoderLm model, long[] ids) =>
        Some.Floats(model.Run(Ops, Feed(model, ids, [.. Enumerable.Range(0, ids.Length).Select(i => (long)i)], [.. ids.Select(_ => 1L)], null))["logits"]);

    private static Dictionary<string, Value> Feed(DecoderLm model, long[] ids, long[] positions, long[] mask, IReadOnlyDictionary<string, Value>? previous)
    {
        var inputs = new Dictionary<string, Value>
        {
            ["input_ids"] = Ops.Constant(HostTensor.From(ids, 1, ids.Length)),
            ["position_ids"] = Ops.Constant(HostTensor.From(positions, 1, positions.Length)),
            ["attention_mask"] = Ops.Constant(HostTensor.From(mask, 1, mask.Length)),
        };
        foreach (var spec in model.Inputs.Where(i => i.Name.StartsWith("past_key_values.", StringComparison.Ordinal)))
        {
            inputs[spec.Name] = previous is null
                ? Ops.Constant(HostTensor.From(Array.Empty<float>(), 1, model.KvHeads, 0, model.HeadSize))
                : previous[spec.Name.Replace("past_key_values", "present")];
        }
        return inputs;
    }

    private static void Close(float[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++)
            Assert.Equal(expected[i], actual[i], 1e-4);
    }
}
