using MathNet.Numerics.LinearAlgebra;
using OnnxMoe.Artifacts;
using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Quantization;
using OnnxMoe.Trainer.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Tests.Quantization;

/// <summary>A language model at several numbers of bits (arXiv 2405.20202).</summary>
public class BitSupernetTests
{
    private const int Vocabulary = 20;
    private static readonly SearchSpace Space = new("bits", [new("bits", 3, ["2", "3", "4"])]);

    private static ModelOptions Options(Action<ModelOptions>? change = null)
    {
        var options = new ModelOptions { Layers = 3, FirstDenseLayers = 3, HiddenSize = 32, Heads = 2, KvHeads = 1, DenseHidden = 48, ContextLength = 12, InitialDeviation = 0.3 };
        (options.Quantization.Group, options.Quantization.Adapter.Rank, options.Quantization.Adapter.Alpha) = (16, 3, 6);
        change?.Invoke(options);
        options.Check();
        return options;
    }

    private static BitSupernet Supernet(Action<ModelOptions>? change = null, bool trained = true, SearchSpace? space = null)
    {
        var supernet = new BitSupernet(Options(change), space ?? Space, Vocabulary, 1);
        supernet.Start(new DecoderLm(Options(), Vocabulary, 2), products: null);
        using var noGrad = no_grad();
        var random = new Generator(5);
        foreach (var weight in trained ? supernet.Lm.Weights.Where(weight => weight.Name.EndsWith("adapter.up", StringComparison.Ordinal)) : [])
            weight.Parameter.copy_(randn(weight.Shape, generator: random).mul_(0.1));
        return supernet;
    }

    private static float[] Logits(DecoderLm model)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var ops = new TorchOps();
        var (ids, positions) = Batch(3).ToValues(ops);
        return Some.Floats(model.Forward(ids, positions, new ForwardContext(ops)));
    }

    private static TokenBatch Batch(int seed)
    {
        var random = new Random(seed);
        long[] Some() => [.. Enumerable.Range(0, 5 * 12).Select(_ => (long)random.Next(Vocabulary))];
        return new(Some(), Some(), 5, 12);
    }

    [Theory]
    [InlineData("mean", false)]
    [InlineData("sum", false)]
    [InlineData("mean", true)]
    public void MergedIntoZeroPointsTheAdaptersAddTheSame(string pooling, bool shared)
    {
        var supernet = Supernet(options => (options.Quantization.Adapter.Pooling, options.Quantization.Adapter.Shared) = (pooling, shared));
        var random = new Random(1);
        foreach (var architecture in Enumerable.Range(0, 5).Select(_ => Space.Random(random)).Append(Space.Smallest).Append(Space.Largest))
        {
            supernet.Active = architecture;
            var expected = Logits(supernet.Lm);
            var extracted = (DecoderLm)supernet.Extract(architecture);
            Assert.All(expected.Zip(Logits(extracted)), pair => Assert.Equal(pair.First, pair.Second, 1e-5 * Math.Max(1, expected.Max(Math.Abs))));
            // The adapters do something, and only zero points know of them.
            supernet.Adapts = false;
            Assert.Contains(expected.Zip(Logits(supernet.Lm)), pair => Math.Abs(pair.First - pair.Second) > 1e-2);
            supernet.Adapts = true;
            var bits = architecture.Whole("bits", 1);
            foreach (var part in new[] { "codes", "scale" })
                Assert.True(extracted.Weights.Single(w => w.Name == $"layers.1.attention.qkv.{part}").Parameter.equal(supernet.Lm.Weights.Single(w => w.Name == $"layers.1.attention.qkv.{bits}bit.{part}").Parameter).all().item<bool>());
            Assert.Equal(ModelCost.Parameters(new DecoderLm(Options(), Vocabulary, 2)), ModelCost.Parameters(extracted)); // however few bytes
            Assert.DoesNotContain(extracted.Weights, weight => weight.Name.Contains("adapter", StringComparison.Ordinal));
            Assert.Equal(Enumerable.Range(0, 3).Select(block => architecture.Whole("bits", block)), supernet.OptionsOf(architecture).Quantization.Bits);
        }
    }

    [Fact]
    public void AStepChangesTheAdaptersOfItsBitsAlone()
    {
        var supernet = Supernet(trained: false);
        var trainer = new TrainerOptions { Steps = 10, BatchSize = 4, WarmupSteps = 0, LearningRate = 0.01, WeightDecay = 0.1 };
        var text = new TokenStream("train", [.. Enumerable.Range(0, 500).Select(i => i * 7 % Vocabulary)]);
        using var optimizer = new WeightOptimizer(supernet.Lm.Weights, trainer);
        using var step = new LanguageModelStep(supernet.Lm, optimizer, new TrainingMix([new("text", 1, text, text, text)]), trainer, 1, 12, null);
        supernet.Active = Space.Of(1, 1, 1);
        step.Run(0);
        Dictionary<string, byte[]> State() => supernet.Lm.Weights.Select(weight => (weight.Name, Tensor: (Tensor)weight.Parameter)).Concat(step.Moments().Select(moment => (moment.Name, Tensor: moment.Moment)))
            .ToDictionary(pair => pair.Name, pair => TorchTensors.ToHost(pair.Tensor).Data);
        var before = State();
        supernet.Active = Space.Of(0, 1, 2);
        step.Run(1);
        var changed = State().Where(pair => !pair.Value.SequenceEqual(before[pair.Key])).Select(pair => pair.Key).ToHashSet();
        Assert.Contains("layers.0.ffn.down.2bit.adapter.up", changed);
        Assert.Contains("first/layers.2.attention.output.4bit.adapter.up", changed);
        Assert.All(changed.Where(name => !name.StartsWith("skipped/", StringComparison.Ordinal)), name => Assert.Matches(@"(layers\.0\..*\.2bit|layers\.1\..*\.3bit|layers\.2\..*\.4bit)\.adapter\.", name));
        // What a step left alone is counted, so that a resumed run corrects its moments as an undisturbed one.
        Assert.Contains("skipped/layers.0.ffn.down.3bit.adapter.up", changed);
    }

    [Fact]
    public void TheMoreBitsTheNearerTheTrainedModel()
    {
        var space = new SearchSpace("bits", [new("bits", 3, ["2", "4", "8"])]);
        var expected = Logits(new DecoderLm(Options(), Vocabulary, 2));
        var supernet = Supernet(trained: false, space: space);
        double Error(int choice)
        {
            supernet.Active = space.Of(choice, choice, choice);
            return Math.Sqrt(Logits(supernet.Lm).Zip(expected).Average(pair => Math.Pow(pair.First - pair.Second, 2)) / expected.Average(x => x * x));
        }
        Assert.InRange(Error(2), 1e-5, 0.05);
        Assert.True(Error(1) > 2 * Error(2) && Error(0) > 2 * Error(1));
    }

    [Fact]
    public void GptqKeepsTheProductsOfEveryMatrixNearer()
    {
        var source = new DecoderLm(Options(), Vocabulary, 2);
        var products = InputProducts.Of(source, [.. Supernet().Lm.Products.Select(place => place.Name)], [Batch(1), Batch(2)]);
        Assert.Equal(3 * 5, products.Count);
        var before = Logits(source);
        Assert.Equal(before, Logits(new DecoderLm(Options(), Vocabulary, 2))); // looking changed nothing
        foreach (var (name, sum) in products)
        {
            Assert.Equal(0, (sum - sum.Transpose()).FrobeniusNorm(), 1e-6 * sum.FrobeniusNorm());
            var weight = source.Weights.Single(weight => weight.Name == name);
            var (inputs, matrix) = ((int)weight.Shape[0], weight.Parameter.data<float>().ToArray());
            double Loss(QuantizedMatrix quantized)
            {
                var numbers = quantized.Numbers();
                var difference = Matrix<double>.Build.Dense(inputs, matrix.Length / inputs, (i, j) => matrix[(i * (matrix.Length / inputs)) + j] - numbers[(i * (matrix.Length / inputs)) + j]);
                return (difference.Transpose() * sum * difference).Trace(); // the sum of squares of x (W - W')
            }
            foreach (var bits in new[] { 2, 3, 4 })
                Assert.True(Loss(Gptq.Quantize(matrix, sum, bits, 16, false)) <= Loss(QuantizedMatrix.RoundToNearest(matrix, inputs, bits, 16, false)), $"{name} at {bits} bits");
        }
        Assert.Throws<UserError>(() => InputProducts.Of(source, ["layers.0.ffn.up"], []));
    }

    [Fact]
    public void MistakesAreNamed()
    {
        string Message(Action act) => Assert.Throws<UserError>(act).Message;
        Assert.Contains("Group is 10, which does not divide Model:HiddenSize 32", Message(() => Supernet(options => options.Quantization.Group = 10)), StringComparison.Ordinal);
        Assert.Contains("Group is 32, which does not divide the hidden size 48", Message(() => Supernet(options => options.Quantization.Group = 32)), StringComparison.Ordinal);
        Assert.Contains("3 of them: one for each block", Message(() => Supernet(space: new("few", [new("bits", 2, ["2", "3"])]))), StringComparison.Ordinal);
        Assert.Contains("lets 'bits' be 16", Message(() => Supernet(space: new("many", [new("bits", 3, ["2", "16"])]))), StringComparison.Ordinal);
        Assert.Contains("has 2 numbers, but the model has 3 blocks", Message(() => Options(options => options.Quantization.Bits = [4, 4])), StringComparison.Ordinal);
        Assert.Contains("dense language models", Message(() => Options(options => (options.Quantization.Bits, options.FirstDenseLayers) = ([4, 4, 4], 1))), StringComparison.Ordinal);
        Assert.Contains("has no weight", Message(() => Supernet().Start(new DecoderLm(Options(options => options.Gated = false), Vocabulary, 2), null)), StringComparison.Ordinal);
    }
}
