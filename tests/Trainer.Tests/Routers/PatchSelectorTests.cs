using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Routers;

namespace OnnxMoe.Trainer.Tests.Routers;

public class PatchSelectorTests
{
    private static readonly TorchOps Ops = new();

    /// <summary>Against plain loops, with probabilities so coarse that many are equal, and with padding.</summary>
    [Theory]
    [InlineData(2, 0.5)]
    [InlineData(4, 0.25)]
    [InlineData(1, 1.0)]
    [InlineData(3, 0.7)]
    public void EachExpertTakesThePatchesThatPreferItMost(int perPatch, double capacity)
    {
        const int batch = 5, patches = 7, experts = 4;
        var random = new Random(perPatch);
        var probabilities = new float[batch * patches * experts];
        for (var row = 0; row < batch * patches; row++)
        {
            var parts = Enumerable.Range(0, experts).Select(_ => 1 + random.Next(4)).ToArray();
            for (var e = 0; e < experts; e++)
                probabilities[row * experts + e] = parts[e] / 16f;
        }
        var real = Enumerable.Range(0, batch * patches).Select(i => i % patches < 7 - i / patches).ToArray();
        var selection = new PatchSelector(experts, perPatch, capacity).Select(Ops.Constant(HostTensor.From(probabilities, batch, patches, experts)),
            Ops.Constant(HostTensor.From(real, batch, patches, 1)));

        var count = Math.Max(1, (int)Math.Ceiling(patches * capacity - 1e-4));
        var taken = new HashSet<(int Batch, int Patch, int Expert)>();
        for (var b = 0; b < batch; b++)
        {
            float[,] scores = new float[patches, experts];
            for (var p = 0; p < patches; p++)
            {
                var row = probabilities.AsSpan((b * patches + p) * experts, experts).ToArray();
                var preferred = Enumerable.Range(0, experts).OrderByDescending(e => row[e]).ThenBy(e => e).Take(perPatch).ToArray();
                for (var e = 0; e < experts; e++)
                    scores[p, e] = !real[b * patches + p] ? -1 : preferred.Contains(e) ? row[e] / preferred.Sum(other => row[other]) : 0;
            }
            for (var e = 0; e < experts; e++)
            {
                foreach (var p in Enumerable.Range(0, patches).OrderByDescending(p => scores[p, e]).ThenBy(p => p).Take(count).Where(p => scores[p, e] > 0))
                    taken.Add((b, p, e));
            }
        }
        var (chosen, isTaken, picks) = (Some.Longs(selection.Patches), Some.Longs(selection.Taken.Cast(ElementType.Int64)), Some.Longs(selection.Picks));
        Assert.Equal(taken, Enumerable.Range(0, chosen.Length).Where(i => isTaken[i] == 1).Select(i => (i / count / experts, (int)chosen[i], i / count % experts)).ToHashSet());
        Assert.Equal(taken, Enumerable.Range(0, picks.Length).Where(i => picks[i] >= 0).Select(i => (i / perPatch / patches, i / perPatch % patches, (int)picks[i])).ToHashSet());
        for (var expert = 0; expert < batch * experts; expert++) // ascending, and none twice
            Assert.Equal(chosen.Skip(expert * count).Take(count).Distinct().Order(), chosen.Skip(expert * count).Take(count));
    }
}
