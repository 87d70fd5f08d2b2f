using OnnxMoe.Artifacts;
using OnnxMoe.Trainer.Supernets;
using TorchSharp;

namespace OnnxMoe.Trainer.Tests.Supernets;

public class GradNormDataTests
{
    private const int Count = 50;

    private static GradNormData Data(bool unbiased = false) => new(Count, new SamplingEpochs(StepsPerEpoch: 4, Epochs: 10), unbiased, seed: 2);

    [Fact]
    public void TheFirstEpochSeesEverythingAndLaterOnesWhatTheyDrew()
    {
        var data = Data();
        Assert.Equal(Enumerable.Range(0, Count), data.Indices.Order());
        Assert.NotEqual(Enumerable.Range(0, Count), data.Indices);
        // 4 steps of two passes of 7: 56 draws, so that the list's first 6 come again.
        int[] seen = [.. Enumerable.Range(0, 4).SelectMany(step => Enumerable.Range(0, 2).SelectMany(part => data.Sample(step, part, 2, 7)))];
        Assert.Equal(data.Indices.Concat(data.Indices.Take(6)), seen);
        Assert.Equal(data.Sample(1, 0, 2, 7), data.Sample(5, 0, 2, 7)); // the list is the epoch's; it changes at its end

        data.Observe(Enumerable.Range(0, Count).ToArray(), [.. Enumerable.Range(0, Count).Select(i => i == 3 ? 49.0 : 1.0)]);
        data.EndEpoch(9);
        Assert.Equal(Count, data.Indices.Count);
        Assert.InRange(data.Indices.Count(i => i == 3), 10, 40); // half of the mass, times tau 0.9
        Assert.Equal((0.9 * 0.5) + (0.1 / Count), data.Probabilities[3], 1e-12);
    }

    [Fact]
    public void RepeatedNormsCountHalfAndWhatIsNotDrawnHasTheUniformRest()
    {
        var data = Data();
        data.Observe([4, 7, 4, 4], [2, 0, 4, 1]);
        Assert.Equal(2, data.Norms[4]); // ((2 + 4) / 2 + 1) / 2
        Assert.Equal(0, data.Norms[7]);
        data.Observe([7], [1]);
        Assert.Equal(0.5, data.Norms[7]); // a norm of 0 was seen, not missing
        data.EndEpoch(5);
        Assert.Equal(1, data.Probabilities.Sum(), 1e-6);
        Assert.All(data.Probabilities, p => Assert.True(p >= 0.5 / Count));
        Assert.Equal(0.5 / Count, data.Probabilities[0], 1e-12);
        Assert.Equal((0.5 * 0.8) + (0.5 / Count), data.Probabilities[4], 1e-12);
        Assert.All(data.Norms, norm => Assert.Equal(0, norm));
        data.Observe([1], [3]);
        data.EndEpoch(0);
        Assert.All(data.Probabilities, p => Assert.Equal(1.0 / Count, p));
        Assert.Contains("training example 9 is", Assert.Throws<UserError>(() => data.Observe([9], [double.PositiveInfinity])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void WeightsAreOneOverNTimesTheProbability()
    {
        var data = Data(unbiased: true);
        Assert.All(data.WeightsOf([0, 5])!, weight => Assert.Equal(1, weight, 1e-12));
        data.Observe([4], [1]);
        data.EndEpoch(5);
        Assert.Equal(1 / (Count * (0.5 + (0.5 / Count))), data.WeightsOf([4])![0], 1e-12);
        Assert.Equal(2, data.WeightsOf([0])![0], 1e-12);
        Assert.Null(Data().WeightsOf([4]));
        var metrics = new Dictionary<string, double>();
        data.EndStep(2, metrics);
        Assert.Empty(metrics);
        data.EndStep(3, metrics);
        Assert.Equal(Count, metrics["effective_examples"], 1e-9); // nothing was observed since
    }

    [Fact]
    public void LogitNormsAreThoseOfAutograd()
    {
        using var scope = torch.NewDisposeScope();
        var random = new torch.Generator(3);
        var hidden = torch.randn(5, 8, generator: random);
        var weight = torch.randn(8, 4, requires_grad: true, generator: random);
        long[] labels = [0, 3, 1, 1, 2];
        var norms = GradientProbe.OfLogits(hidden.matmul(weight), labels);
        for (var i = 0; i < 5; i++)
        {
            using var row = hidden[i].unsqueeze(0);
            var logits = row.matmul(weight).detach().requires_grad_();
            torch.nn.functional.cross_entropy(logits, torch.tensor([labels[i]])).backward();
            Assert.Equal(logits.grad!.norm().item<float>(), norms[i], 1e-6);
            weight.grad = null;
            torch.nn.functional.cross_entropy(row.matmul(weight), torch.tensor([labels[i]])).backward();
            Assert.Equal(norms[i] * row.norm().item<float>(), weight.grad!.norm().item<float>(), 1e-5);
        }
    }

    [Fact]
    public void DistancesAreOneLessTheCosine()
    {
        double[][] gradients = [[1, 0, 0], [2, 2, 0], [0, 0, 0], [-3, 0, 0], [0, 0, 1e-9]];
        var distances = GradientProbe.Distances(gradients);
        double[] fromFirst = [0, 1 - Math.Sqrt(0.5), 1, 2, 1];
        Assert.All(fromFirst.Select((expected, j) => (expected, j)), pair => Assert.Equal(pair.expected, distances[0, pair.j], 1e-12));
        for (var i = 0; i < 5; i++)
            for (var j = 0; j < 5; j++)
            {
                Assert.Equal(distances[i, j], distances[j, i]);
                Assert.InRange(distances[i, j], 0, 2);
            }
        Assert.Equal([0, 0, 1, 0, 0], Enumerable.Range(0, 5).Select(i => Math.Round(distances[i, i], 5)));
        var scaled = GradientProbe.Distances([.. gradients.Select((gradient, i) => i == 1 ? gradient.Select(value => value * 1e-5).ToArray() : gradient)]);
        Assert.All(Enumerable.Range(0, 25), k => Assert.Equal(distances[k / 5, k % 5], scaled[k / 5, k % 5], 1e-6));
    }
}
