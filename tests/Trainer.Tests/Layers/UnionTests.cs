using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Experts;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Routers;
using static OnnxMoe.Trainer.Tests.Layers.Unions;

namespace OnnxMoe.Trainer.Tests.Layers;

public class UnionTests
{
    [Theory]
    [InlineData("encoder", "patches", "gelu", false)]
    [InlineData("encoder", "patches", "relu", false)]
    [InlineData("encoder", "patches", "silu", true)]
    [InlineData("encoder", "topk", "gelu", false)]
    [InlineData("decoder", "topk", "gelu", false)]
    [InlineData("decoder", "topk", "silu", true)]
    public void WithAllSelectedItIsTheDenseModel(string backbone, string selection, string activation, bool gated)
    {
        var options = Dense(backbone, activation, gated);
        var (dense, union) = Pair(options, Union(options, selection));
        var (expected, actual) = (dense.Run(Torch, Inputs(dense, real: 5)), union.Run(Torch, Inputs(union, real: 5)));
        if (backbone == "encoder")
            Close(expected["logits"], actual["logits"]);
        else // what stands behind padding on the right is nothing's business
            Close(Some.Floats(expected["logits"])[..(2 * Length * Vocabulary)], Some.Floats(actual["logits"])[..(2 * Length * Vocabulary)]);
    }

    [Fact]
    public void WithPatchesOfSeveralTokensToo()
    {
        var options = Dense("encoder");
        var (dense, union) = Pair(options, Union(options, "patches", o => o.Router.Patches.Size = 4));
        Close(dense.Run(Torch, Inputs(dense, real: 5))["logits"], union.Run(Torch, Inputs(union, real: 5))["logits"]);
    }

    [Fact]
    public void WithAllSelectedTheGateIsOne()
    {
        var union = Encoder(Union(Dense("encoder"), "patches"));
        Assert.All(Some.Floats(union.Run(Torch, Inputs(union))["routing.1.weights"]), weight => Assert.Equal(1, weight, 1e-6));
    }

    [Theory]
    [InlineData("gelu", false)]
    [InlineData("silu", true)]
    public void ASetOfSlicesIsTheDenseLayerWithTheOthersZeroed(string activation, bool gated)
    {
        var options = Dense("encoder", activation, gated);
        var (dense, union) = Pair(options, Union(options, "patches"));
        var (x, layer) = (Some.Normal(Torch, 1, 7, Size), union.RoutedLayers.First());
        var indices = Torch.Constant(HostTensor.From(Enumerable.Repeat(new long[] { 3, -1, 1, -1 }, 7).SelectMany(row => row).ToArray(), 7, 4));
        var actual = layer.Experts.Apply(x, new Routing(indices, Some.Normal(Torch, 2, 7, 4) * 0 + 1));

        using (TorchSharp.torch.no_grad())
        {
            foreach (var weight in dense.Weights.Where(weight => weight.Name.StartsWith("layers.0.ffn.", StringComparison.Ordinal)))
            {
                foreach (var slice in new[] { 0, 2 })
                {
                    if (weight.Name.EndsWith(".down", StringComparison.Ordinal))
                        weight.Parameter.narrow(0, slice * 6, 6).zero_();
                }
                if (weight.Name.EndsWith(".down_bias", StringComparison.Ordinal))
                    weight.Parameter.mul_((TorchSharp.Scalar)0.5); // two of four equal shares
            }
        }
        Close(new FeedForwardOf(dense).Forward(x), actual);
    }

    [Theory]
    [InlineData(1, 0)]
    [InlineData(2, 0)]
    [InlineData(1, 2)]
    [InlineData(4, 3)]
    public void AHeadAttendsAmongItsOwnTokensAtTheirOriginalPositions(int patch, int perSequence)
    {
        long[] mask = [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0];
        var options = Union(Dense("encoder"), "patches", o =>
        {
            (o.Router.Patches.Size, o.HeadRouting.HeadsPerToken, o.HeadRouting.Capacity, o.HeadRouting.HeadsPerSequence) = (patch, 2, 0.5, perSequence);
        });
        var scope = new LayerScope(4);
        var bank = new HeadBank(scope, Size, Heads, 0.4);
        var router = (PatchRouter)PatchRouterBuilder.BuildHeads(scope.Child("router"), options);
        var x = Some.Normal(Torch, 6, 2, Length, Size);
        var routing = router.Route(x.Reshape(-1, Size), Context(Torch, 2, mask));
        var picks = Some.Longs(routing.Indices);
        var weights = Some.Floats(routing.Weights);

        var actual = new PatchAttention(scope, Size, bank, router).Forward(x, Context(Torch, 2, mask));
        bool Chosen(int token, int head) => picks.AsSpan(token * 2, 2).Contains(head);
        Close(HeadReference.Attention(Some.Floats(x), bank, 2, Chosen, token => weights[token * 2], causal: false), Some.Floats(actual));
        Assert.Contains(Enumerable.Range(0, 2 * Length * Heads), i => Chosen(i / Heads, i % Heads));
        Assert.Contains(Enumerable.Range(0, 2 * Length * Heads), i => !Chosen(i / Heads, i % Heads));
    }

    [Fact]
    public void ACausalHeadHasKeysOfTheEarlierTokensThatChoseIt()
    {
        var options = Union(Dense("decoder"), "topk", o => o.HeadRouting.HeadsPerToken = 2);
        var scope = new LayerScope(4);
        var bank = new HeadBank(scope, Size, Heads, 0.4);
        var router = PatchRouterBuilder.BuildHeads(scope.Child("router"), options);
        var x = Some.Normal(Torch, 6, 2, Length, Size);
        var routing = router.Route(x.Reshape(-1, Size), Context(Torch, 2));
        var (picks, weights) = (Some.Longs(routing.Indices), Some.Floats(routing.Weights));

        var actual = new TokenChoiceAttention(scope, Size, bank, router, causal: true).Forward(x, Context(Torch, 2));
        Close(HeadReference.Attention(Some.Floats(x), bank, 2, (token, head) => picks.AsSpan(token * 2, 2).Contains(head), token => weights[token * 2], causal: true), Some.Floats(actual));
    }

    [Fact]
    public void ALaterTokenChangesNothingBeforeIt()
    {
        var model = new DecoderLm(Union(Dense("decoder"), "topk", Half), Vocabulary, 1);
        var inputs = Inputs(model);
        var before = Some.Floats(model.Run(Torch, inputs)["logits"]);
        var ids = Some.Longs(inputs["input_ids"]).ToArray();
        for (var row = 0; row < 3; row++)
            ids[row * Length + Length - 1] = (ids[row * Length + Length - 1] + 1) % Vocabulary;
        inputs["input_ids"] = Torch.Constant(HostTensor.From(ids, 3, Length));
        var after = Some.Floats(model.Run(Torch, inputs)["logits"]);
        for (var row = 0; row < 3; row++)
        {
            var (start, end) = (row * Length * Vocabulary, ((row + 1) * Length - 1) * Vocabulary);
            // Sums of many may be rounded differently when other rows change.
            Assert.All(before[start..end].Zip(after[start..end]), pair => Assert.Equal(pair.First, pair.Second, 1e-5));
        }
    }

    [Fact]
    public void TokenByTokenThroughTheCacheGivesTheLogitsOfOnePass()
    {
        var model = new DecoderLm(Union(Dense("decoder"), "topk", Half), Vocabulary, 1);
        var whole = Some.Floats(model.Run(Torch, Inputs(model))["logits"]);
        var inputs = Inputs(model);
        var all = Some.Longs(inputs["input_ids"]);
        for (var position = 0; position < Length; position++)
        {
            var at = position;
            inputs["input_ids"] = Torch.Constant(HostTensor.From(Enumerable.Range(0, 3).Select(row => all[row * Length + at]).ToArray(), 3, 1));
            inputs["position_ids"] = Torch.Constant(HostTensor.From(Enumerable.Repeat((long)at, 3).ToArray(), 3, 1));
            inputs["attention_mask"] = Torch.Constant(HostTensor.From(Enumerable.Repeat(1L, 3 * (at + 1)).ToArray(), 3, at + 1));
            var outputs = model.Run(Torch, inputs);
            var logits = Some.Floats(outputs["logits"]);
            for (var row = 0; row < 3; row++)
                Close(whole[((row * Length + at) * Vocabulary)..((row * Length + at + 1) * Vocabulary)], logits[(row * Vocabulary)..((row + 1) * Vocabulary)]);
            foreach (var (name, value) in outputs.Where(output => output.Key.StartsWith("present.", StringComparison.Ordinal)))
                inputs[name.Replace("present", "past_key_values", StringComparison.Ordinal)] = value;
        }
    }

    [Fact]
    public void ARowIsAsAloneAndPaddingIsNeverSelected()
    {
        var model = Encoder(Union(Dense("encoder"), "patches", o =>
        {
            Half(o);
            (o.Router.Patches.Size, o.Router.Patches.ExpertsPerSequence, o.HeadRouting.HeadsPerSequence) = (2, 3, 3);
        }));
        var inputs = Inputs(model, real: 3);
        var together = model.Run(Torch, inputs);
        for (var row = 0; row < 3; row++)
        {
            var one = inputs.ToDictionary(input => input.Key, input => input.Value.Slice(0, row, row + 1));
            var alone = model.Run(Torch, one);
            foreach (var output in model.Outputs)
                Close(Floats(together[output.Name].Slice(0, row, row + 1)), Floats(alone[output.Name]), 1e-6);
        }
        Assert.All(Some.Longs(together["routing.0.indices"])[((2 * Length + 3) * 2)..], pick => Assert.Equal(-1, pick));

        // What stands in the padding changes nothing.
        var features = Some.Floats(inputs["features"]).ToArray();
        features.AsSpan((2 * Length + 3) * Features).Fill(9);
        inputs["features"] = Torch.Constant(HostTensor.From(features, 3, Length, Features));
        Close(together["logits"], model.Run(Torch, inputs)["logits"], 1e-6);
    }

    [Theory]
    [InlineData("sum", true)]
    [InlineData("one", false)]
    public void TheGateGivesTheRoutersAGradient(string rule, bool has)
    {
        var options = Union(Dense("encoder"), "patches", o =>
        {
            Half(o);
            (o.Router.Patches.ExpertsPerSequence, o.HeadRouting.HeadsPerSequence) = (3, 3);
        });
        options.Router.WeightRule = rule; // not frozen, so that the gradient itself is looked at
        var model = Encoder(options);
        var ops = new TorchOps(training: true);
        var logits = TorchOps.TensorOf(model.Forward(Some.Normal(ops, 1, 3, Length, Features), null, new ForwardContext(ops) { SequenceLength = Length }));
        logits.square().sum().backward();
        var routers = model.Weights.Where(weight => weight.Name.Contains(".router.", StringComparison.Ordinal)).ToArray();
        Assert.Equal(8, routers.Length);
        Assert.All(routers, router => Assert.Equal(has, router.Parameter.grad is { } gradient && gradient.abs().max().item<float>() > 0));
    }

    [Fact]
    public void FrozenRoutersAreTold() => Assert.Contains(Union(Dense("encoder"), "patches", o => (o.Router.WeightRule, o.Router.Frozen) = ("one", true)).Warnings(),
        warning => warning.Contains("keep their random initial weights", StringComparison.Ordinal));

    private static void Half(ModelOptions options)
    {
        (options.ExpertsPerToken, options.HeadRouting.HeadsPerToken) = (2, 2);
        (options.Router.Patches.Capacity, options.HeadRouting.Capacity) = (0.5, 0.5);
    }

    private static float[] Floats(Value value) => value.Type == ElementType.Float ? Some.Floats(value) : [.. Some.Longs(value).Select(number => (float)number)];

    /// <summary>The dense feed-forward layer of a model's first block.</summary>
    private sealed class FeedForwardOf(Model model)
    {
        public Value Forward(Value x)
        {
            Value? Weight(string name) => model.Weights.SingleOrDefault(weight => weight.Name == $"layers.0.ffn.{name}") is { } weight ? x.Ops.Weight(weight) : null;
            var up = x.MatMul(Weight("up")!) + Weight("up_bias")!;
            var hidden = Weight("gate") is { } gate ? FeedForward.Activate(x.MatMul(gate) + Weight("gate_bias")!, "silu") * up : FeedForward.Activate(up, "gelu");
            return hidden.MatMul(Weight("down")!) + Weight("down_bias")!;
        }
    }
}
