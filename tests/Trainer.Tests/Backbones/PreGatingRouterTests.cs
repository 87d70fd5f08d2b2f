using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Routers;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Tests.Backbones;

public class PreGatingRouterTests
{
    private const int Vocabulary = 40, Length = 10;

    [Fact]
    public void ADecisionDoesNotDependOnLaterTokens()
    {
        var router = Model().Router!;
        var tokens = Tokens(1);
        var changed = tokens.ToArray();
        changed[6] = (changed[6] + 1) % Vocabulary;
        var (before, after) = (Scores(router, tokens), Scores(router, changed));
        Assert.Equal(before[..(6 * 4)], after[..(6 * 4)]);
        Assert.NotEqual(before[(6 * 4)..(7 * 4)], after[(6 * 4)..(7 * 4)]);
    }

    [Fact]
    public void StepByStepItDecidesAsAtOnce()
    {
        var router = Model(o => o.PreGate.Layers = 2).Router!;
        var tokens = Tokens(2);
        var whole = Run(router, tokens, null);
        Dictionary<string, HostTensor>? last = null;
        var (ids, scores) = (new List<long>(), new List<float>());
        for (var (done, take) = (0, 4); done < Length; done += take, take = 1)
        {
            last = Run(router, tokens[done..(done + take)], last, done);
            ids.AddRange(last["expert_ids"].ToInt64());
            scores.AddRange(last["logits"].AsSpan<float>().ToArray());
        }
        Assert.Equal(whole["expert_ids"].ToInt64(), ids);
        Assert.All(whole["logits"].AsSpan<float>().ToArray().Zip(scores), pair => Assert.Equal(pair.First, pair.Second, 1e-4));
        Assert.True(ids.Distinct().Count() > 1, "All tokens have one expert, so the test shows nothing.");
    }

    [Fact]
    public void ItReadsNothingOfTheModel()
    {
        var model = Model();
        var before = Experts(model);
        using (var noGrad = no_grad())
        {
            foreach (var weight in model.BackboneWeights)
                weight.Parameter.mul_(-1.7f).add_(0.3f);
        }
        Assert.Equal(before, Experts(model));
        Assert.Equal(model.Weights.Count, model.BackboneWeights.Count + model.Router!.Weights.Count);
    }

    [Fact]
    public void TheSameExpertsReachAllLayersAtWeightOne()
    {
        var model = Model();
        var context = Forward(model, null);
        Assert.Equal(3, context.Routings.Count);
        Assert.All(context.Routings, routing => Assert.Equal(Experts(model), Some.Longs(routing.Routing.Indices)));
        Assert.All(context.Routings, routing => Assert.All(Some.Floats(routing.Routing.Weights), weight => Assert.Equal(1, weight)));
        Assert.True(Experts(model).Distinct().Count() > 1, "All tokens have one expert, so the test shows nothing.");
    }

    [Fact]
    public void TheModelLearnsNothingThroughTheChoice()
    {
        var model = Model();
        TorchOps.TensorOf(Logits(model, new ForwardContext(new TorchOps(training: true)))).sum().backward();
        Assert.All(model.Router!.Weights, weight => Assert.Null(weight.Parameter.grad));
        Assert.All(model.BackboneWeights, weight => Assert.NotNull(weight.Parameter.grad));
    }

    /// <summary>The router's attention scores are q k as they are; with the usual normalizer it is another router.</summary>
    [Fact]
    public void AttentionScoresAreNotDividedUnlessAsked()
    {
        var unscaled = Scores(Model().Router!, Tokens(1));
        Assert.NotEqual(unscaled, Scores(Model(o => o.PreGate.Normalizer = 0).Router!, Tokens(1)));
        Assert.Equal(Scores(Model(o => o.PreGate.Normalizer = 2).Router!, Tokens(1)), Scores(Model(o => o.PreGate.Normalizer = 0).Router!, Tokens(1))); // heads of 4
    }

    [Fact]
    public void ARunWithoutExpertsOrWithOnesThatDoNotExistIsRefused()
    {
        var model = Model();
        Assert.Contains("expert_ids", Assert.Throws<UserError>(() => Run(model, Tokens(1), null)).Message);
        var ops = new TorchOps();
        Value Ids(params long[] ids) => ops.Constant(HostTensor.From(ids, 1, ids.Length));
        Assert.Equal([3, 0, 1], Some.Longs(PreGatedRouter.Checked(Ids(3, 0, 1), 4)));
        Assert.ThrowsAny<Exception>(() => Some.Longs(PreGatedRouter.Checked(Ids(3, 4), 4)));
        Assert.ThrowsAny<Exception>(() => Some.Longs(PreGatedRouter.Checked(Ids(3, -1), 4)));
    }

    public static TheoryData<string, Action<ModelOptions>> Mistakes() => new()
    {
        { "Model:ExpertsPerToken is 2", o => o.ExpertsPerToken = 2 },
        { "Model:Experts is 1", o => o.Experts = 1 },
        { "Model:SharedExperts is 1", o => o.SharedExperts = 1 },
        { "Model:PreGate:Heads is 3", o => o.PreGate.Heads = 3 },
        { "Model:PreGate:PermanentHidden has 1 sizes", o => o.PreGate.PermanentHidden = [3] },
        { "leaves experts nothing of their own", o => o.PreGate.PermanentHidden = [1, 6, 2] },
        { "Model:PreGate:Layers asks for a router", o => o.FirstDenseLayers = 3 },
        { "Model:PreGate:Layers is 0", o => (o.PreGate.Layers, o.PreGate.PermanentHidden) = (0, [1, 2, 3]) },
    };

    [Theory]
    [MemberData(nameof(Mistakes))]
    public void SettingsThatDoNotFitAreNamed(string expected, Action<ModelOptions> mistake) =>
        Assert.Contains(expected, Assert.Throws<UserError>(() => Model(mistake)).Message);

    private static DecoderLm Model(Action<ModelOptions>? change = null)
    {
        var options = new ModelOptions
        {
            Layers = 3,
            HiddenSize = 16,
            Heads = 4,
            ContextLength = 12,
            Experts = 4,
            ExpertsPerToken = 1,
            ExpertHidden = 6,
            SharedExperts = 0,
            InitialDeviation = 0.5,
            PreGate = new() { Layers = 1, HiddenSize = 8, Heads = 2 },
        };
        change?.Invoke(options);
        options.Check();
        return new DecoderLm(options, Vocabulary, seed: 3);
    }

    private static long[] Tokens(int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, Length).Select(_ => (long)random.Next(Vocabulary))];
    }

    private static float[] Scores(PreGatingRouter router, long[] tokens) => Run(router, tokens, null)["logits"].AsSpan<float>().ToArray();

    private static long[] Experts(DecoderLm model)
    {
        var (ids, positions) = new TokenBatch(Tokens(1), Tokens(1), 1, Length).ToValues(new TorchOps());
        return Some.Longs(model.Router!.Decide(ids, positions, new TorchOps()));
    }

    private static ForwardContext Forward(DecoderLm model, Value? experts)
    {
        var context = new ForwardContext(new TorchOps()) { ExpertIds = experts };
        Logits(model, context);
        return context;
    }

    private static Value Logits(DecoderLm model, ForwardContext context)
    {
        var (ids, positions) = new TokenBatch(Tokens(1), Tokens(1), 1, Length).ToValues((TorchOps)context.Ops);
        return model.Forward(ids, positions, context);
    }

    /// <summary>One step of a sequence, with the caches of the one before.</summary>
    private static Dictionary<string, HostTensor> Run(Model model, long[] tokens, Dictionary<string, HostTensor>? last, int done = 0)
    {
        using var noGrad = no_grad();
        var ops = new TorchOps();
        HostTensor Row(IEnumerable<long> values) => HostTensor.From(values.ToArray(), 1, values.Count());
        var inputs = new Dictionary<string, Value>
        {
            ["input_ids"] = ops.Constant(Row(tokens)),
            ["attention_mask"] = ops.Constant(Row(Enumerable.Repeat(1L, done + tokens.Length))),
            ["position_ids"] = ops.Constant(Row(Enumerable.Range(done, tokens.Length).Select(i => (long)i))),
        };
        foreach (var spec in model.Inputs.Where(spec => spec.Name.StartsWith("past_key_values.", StringComparison.Ordinal)))
            inputs[spec.Name] = ops.Constant(last?[spec.Name.Replace("past_key_values.", "present.")]
                ?? new HostTensor(spec.Type, [.. spec.Dimensions.Select(d => d switch { "batch" => 1, "past" => 0, _ => long.Parse(d, System.Globalization.CultureInfo.InvariantCulture) })], []));
        return model.Run(ops, inputs).ToDictionary(pair => pair.Key, pair => ((TorchValue)pair.Value).ToHost());
    }
}
