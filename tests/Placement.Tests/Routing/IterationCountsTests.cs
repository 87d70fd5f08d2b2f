using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Routing;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Placement.Tests.Sharding;
using OnnxMoe.Placement.Tests.Support;

namespace OnnxMoe.Placement.Tests.Routing;

public sealed class IterationCountsTests
{
    [Fact]
    public void EveryFormReadsTheSame()
    {
        using var folder = new TemporaryFolder();
        var counts = SomeShards.Counts(3, 2, 4, seed: 1);
        var places = Enumerable.Range(0, 24).Select(i => (I: i / 8, L: i / 4 % 2, E: i % 4)).ToArray();
        Npy.Save(folder["counts.npy"], HostTensor.From(places.Select(p => counts[p.I][p.L][p.E]).ToArray(), 3, 2, 4));
        // Numbers with gaps: every tenth iteration was recorded, and only every second layer is a routed one.
        File.WriteAllLines(folder["counts.csv"], ["iteration,layer,expert,count", .. places.Select(p => $"{10 * p.I},{(2 * p.L) + 1},{p.E},{counts[p.I][p.L][p.E]}")]);
        File.WriteAllLines(folder["metrics.jsonl"], Enumerable.Range(0, 3).SelectMany(i => new[]
        {
            $$"""{"step": {{i + 1}}, "loss": 2.5, "expert_counts": [[{{string.Join(',', counts[i][0])}}], [{{string.Join(',', counts[i][1])}}]]}""",
            """{"step": 1, "validation_loss": 2.5}""",
        }));
        foreach (var file in new[] { "counts.npy", "counts.csv", "metrics.jsonl" })
        {
            var read = IterationCounts.Load(folder[file]);
            Assert.Equal((3, 2, 4), (read.Iterations, read.Layers, read.Experts));
            Assert.All(places, p => Assert.Equal(counts[p.I][p.L][p.E], read[p.I][p.L][p.E]));
        }
    }

    [Fact]
    public void ExpertsWithoutALineGotNothing()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["counts.csv"], "iteration,layer,expert,count\n0,0,1,5\n");
        Assert.Equal([0, 5, 0], IterationCounts.Load(folder["counts.csv"], experts: 3)[0][0]);
    }

    [Theory]
    [InlineData("counts.csv", "iteration,layer,count\n0,0,1", "no column 'expert'")]
    [InlineData("counts.csv", "iteration,layer,expert,count\n0,0,0,1\n0,0,0,2", "line 3: expert 0 of layer 0 has a count in iteration 0 already")]
    [InlineData("counts.csv", "iteration,layer,expert,count\n0,0,0,-1", "the count is '-1'")]
    [InlineData("counts.csv", "iteration,layer,expert,count\n0,0,0,1\n1,0,0,0", "iteration 1, layer 0 has no tokens")]
    [InlineData("counts.csv", "iteration,layer,expert,count\n", "holds no expert counts")]
    [InlineData("counts.txt", "", "is no file of expert counts")]
    [InlineData("metrics.jsonl", "{\"step\": 1}\n", "Trainer:ExpertCounts")]
    [InlineData("metrics.jsonl", "{\"expert_counts\": 3}\n", "behind 0 steps")]
    [InlineData("metrics.jsonl", "{\"expert_counts\": [[1, 2]]}\n{\"expert_counts\": [[1, 2, 3]]}", "iteration 1 has not 1 layers of 2 experts")]
    public void AMistakeIsNamed(string file, string text, string expected)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder[file], text);
        Assert.Contains(expected, Assert.Throws<UserError>(() => IterationCounts.Load(folder[file])).Message);
    }
}
