using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Objectives;
using OnnxMoe.Trainer.Ops;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Tests.Objectives;

public class BalanceLossTests
{
    private const int Experts = 8;
    private static readonly TorchOps Ops = new(training: true);

    [Fact]
    public void IsOneForAUniformRouterWhateverItChooses()
    {
        var probabilities = Ops.Constant(HostTensor.From(Enumerable.Repeat(1f / Experts, 4 * Experts).ToArray(), 4, Experts));
        var indices = Ops.Constant(HostTensor.From(new long[] { 0, 1, 0, 1, 0, 1, 0, 1 }, 4, 2));

        Assert.Equal(1, Loss(probabilities, indices), 1e-6);
    }

    [Fact]
    public void IsEDividedByKWhenAllTokensPutAllProbabilityOnTheSameExperts()
    {
        var row = new float[Experts];
        row[2] = row[5] = 0.5f;
        var probabilities = Ops.Constant(HostTensor.From(Enumerable.Repeat(row, 3).SelectMany(r => r).ToArray(), 3, Experts));
        var indices = Ops.Constant(HostTensor.From(new long[] { 2, 5, 2, 5, 2, 5 }, 3, 2));

        Assert.Equal(Experts / 2.0, Loss(probabilities, indices), 1e-5);
    }

    [Fact]
    public void WithOneExpertPerGroupTheDeviceLossIsTheExpertLoss()
    {
        var (probabilities, indices) = Random(6);
        var loss = new BalanceLoss(Experts, 1, groups: Experts, groupCoefficient: 1);

        Assert.Equal(Item(loss.Expert(Context(), probabilities, indices)), Item(loss.Device(Context(), probabilities, indices)), 1e-5);
    }

    [Fact]
    public void DeviceLossIsTheSumOverGroupsOfMeanLoadTimesProbability()
    {
        var (probabilities, indices) = Random(6);
        var p = Some.Floats(probabilities);
        var picks = Some.Longs(indices);
        double expected = 0;
        for (var group = 0; group < 2; group++)
        {
            var members = Enumerable.Range(group * 4, 4).ToArray();
            var f = members.Average(e => (double)Experts / (2 * 6) * picks.Count(i => i == e));
            expected += f * members.Sum(e => Enumerable.Range(0, 6).Average(t => (double)p[t * Experts + e]));
        }

        Assert.Equal(expected, Item(new BalanceLoss(Experts, 0, 2, 1).Device(Context(), probabilities, indices)), 1e-5);
    }

    [Fact]
    public void OneSequenceIsTheWholeBatch()
    {
        var (probabilities, indices) = Random(6);
        var sequence = new BalanceLoss(Experts, 1, perSequence: true).Expert(Context(length: 6), probabilities, indices);

        Assert.Equal(Loss(probabilities, indices), Item(sequence), 1e-6);
    }

    [Fact]
    public void SequenceScopeIsTheMeanOverSequences()
    {
        var (probabilities, indices) = Random(6);
        var halves = new[] { 0L, 3L }.Average(start => Loss(probabilities.Slice(0, start, start + 3), indices.Slice(0, start, start + 3)));

        Assert.Equal(halves, Item(new BalanceLoss(Experts, 1, perSequence: true).Expert(Context(length: 3), probabilities, indices)), 1e-5);
    }

    [Fact]
    public void SequenceScopeNeedsTheLengthOfASequence()
    {
        var (probabilities, indices) = Random(6);
        Assert.Contains("needs their length", Assert.Throws<InvalidOperationException>(() => new BalanceLoss(Experts, 1, perSequence: true).Expert(Context(), probabilities, indices)).Message);
    }

    [Fact]
    public void GradientFlowsThroughProbabilitiesOnly()
    {
        var logits = ((TorchValue)Some.Normal(Ops, 3, 5, Experts)).Tensor.requires_grad_();
        var probabilities = Ops.Value(logits).Softmax();
        var (_, indices) = probabilities.TopK(2);
        var loss = ((TorchValue)new BalanceLoss(Experts, 1).Expert(Context(), probabilities, indices)).Tensor;
        loss.backward();

        // d/dlogit of sum_i f_i mean_t p_ti with f constant: p (f - sum_j p_j f_j) / T.
        var p = Some.Floats(probabilities);
        var picks = Some.Longs(indices);
        var gradient = logits.grad!.data<float>().ToArray();
        var f = Enumerable.Range(0, Experts).Select(e => Experts / 10.0 * picks.Count(i => i == e)).ToArray();
        for (var t = 0; t < 5; t++)
        {
            var mean = Enumerable.Range(0, Experts).Sum(e => p[t * Experts + e] * f[e]);
            for (var e = 0; e < Experts; e++)
                Assert.Equal(p[t * Experts + e] * (f[e] - mean) / 5, gradient[t * Experts + e], 1e-5);
        }
    }

    [Fact]
    public void MissingPicksCountForNoExpert()
    {
        var (probabilities, _) = Random(2);
        var some = Ops.Constant(HostTensor.From(new long[] { 1, -1, 3, -1 }, 2, 2));
        var dense = Ops.Constant(HostTensor.From(new long[] { 1, 3 }, 2, 1));

        Assert.Equal(Loss(probabilities, dense), Loss(probabilities, some), 1e-6);
    }

    private static (Value Probabilities, Value Indices) Random(int tokens)
    {
        var probabilities = Some.Normal(Ops, 7, tokens, Experts).Softmax();
        return (probabilities, probabilities.TopK(2).Indices);
    }

    private static ForwardContext Context(long length = -1) => new(Ops) { SequenceLength = length };

    private static double Loss(Value probabilities, Value indices) => Item(new BalanceLoss(Experts, 1).Expert(Context(), probabilities, indices));

    private static double Item(Value value) => Some.Floats(value).Single();
}
