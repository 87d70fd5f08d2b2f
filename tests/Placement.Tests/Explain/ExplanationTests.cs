using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Placement;
using OnnxMoe.Artifacts.Routing;
using OnnxMoe.Placement.Explanations;
using OnnxMoe.Placement.Plans;
using OnnxMoe.Placement.Tests.Support;

namespace OnnxMoe.Placement.Tests.Explain;

public sealed class ExplanationTests
{
    [Fact]
    public void AnExpertIsExplainedInSentencesAndOneTable()
    {
        using var planned = new Planned(Some.Trace(3, 8, 2, 300, 1), nodes: 2, gpusPerNode: 2, "moetuner-equal");
        var text = Explain(planned, 1, 5);
        var (plan, lines) = (planned.Loaded, text.Split('\n'));
        var home = Assert.Single(plan.Layers[1].Homes()[5]);
        Assert.StartsWith($"Expert 5 of layer 1 is on GPU {home} (node rack_{home / 2}), with expert", text);
        Assert.Contains("by moetuner-equal from trace.bin.", lines[0]);
        Assert.Contains(lines, line => line.StartsWith("Load: ", StringComparison.Ordinal) && line.Contains("of the layer's 600 choices", StringComparison.Ordinal));
        Assert.Contains(lines, line => line.StartsWith("Of the layer before (0) it shares most tokens with expert", StringComparison.Ordinal));
        Assert.Contains(lines, line => line.StartsWith("Of the layer after (2) it shares most tokens with expert", StringComparison.Ordinal));
        Assert.Contains("the plan has as many experts on every GPU in every layer", text);
        var table = lines.SkipWhile(line => !line.StartsWith("  GPU", StringComparison.Ordinal)).TakeWhile(line => line.Length > 0).ToList();
        Assert.Equal(2 + 3 * 2, table.Count);
        Assert.Equal(3, table.Count(line => line.Contains("  move  ", StringComparison.Ordinal) && line.EndsWith("equal experts", StringComparison.Ordinal)));
        Assert.Equal(3, table.Count(line => line.Contains("swap with", StringComparison.Ordinal) && line.EndsWith('-')));
        Assert.Contains("What the solver proved: clustering of layer 1 ", text);
        Assert.DoesNotContain("clustering of layer 2", text);
    }

    [Fact]
    public void CompanionsAreThoseWithMostSharedTokens()
    {
        var trace = Some.Trace(3, 8, 2, 300, 2);
        using var planned = new Planned(trace, nodes: 1, gpusPerNode: 4);
        var why = new Explanation(PlanSubject.Read("", planned.Options, ""), 1, 3);
        long Shared(int other, int layer) => Enumerable.Range(0, trace.Tokens).Count(t => trace.Ids(1, t).Contains(3) && trace.Ids(layer, t).Contains(other));
        Assert.Equal(Enumerable.Range(0, 8).Select(e => Shared(e, 0)).OrderDescending().Take(3), why.Before().Select(c => c.Tokens));
        Assert.All(why.After(), companion => Assert.Equal((2, Shared(companion.Expert, 2)), (companion.Layer, companion.Tokens)));
        Assert.All(why.After(), companion => Assert.Equal(planned.Loaded.Layers[2].Homes()[companion.Expert], companion.Gpus));
    }

    /// <summary>A plan that was made bad by hand: expert 0 and 1 are hot and on one GPU, and their followers on the other.</summary>
    [Fact]
    public void ABetterGpuIsNamedPlainly()
    {
        using var planned = new Planned(Pairs(), nodes: 1, gpusPerNode: 2);
        planned.Edit(plan => plan with { Layers = [new(0, 4, [[0, 1], [2, 3]]), new(1, 4, [[1, 2], [0, 3]])] });
        var text = Explain(planned, 0, 0);
        Assert.Contains("GPU 1 would be better in every measure (swap with ", text);
        Assert.Contains("and nothing forbids it: the plan can be improved here.", text);
    }

    [Fact]
    public void ABestPlaceIsNotCalledBad()
    {
        using var planned = new Planned(Pairs(), nodes: 1, gpusPerNode: 2);
        planned.Edit(plan => plan with { Layers = [new(0, 4, [[0, 2], [1, 3]]), new(1, 4, [[0, 2], [1, 3]])] });
        Assert.Contains("No other GPU that is allowed would be better in one measure without being worse in another.", Explain(planned, 0, 0));
    }

    [Fact]
    public void MemoryForbidsAMoveButNotASwap()
    {
        using var planned = new Planned(Some.Trace(2, 8, 2, 100, 4), nodes: 1, gpusPerNode: 2, "contiguous", o => o.ExpertBytes = 100L << 20, memoryGiB: 0.8);
        var why = new Explanation(PlanSubject.Read("", planned.Options, ""), 0, 0);
        Assert.Equal(["memory", "equal experts"], why.Alternatives.Single(a => a.Partner is null).Against);
        Assert.Empty(why.Alternatives.Single(a => a.Partner is not null).Against);
        Assert.Equal(900L << 20, why.Alternatives[0].UsedBytes);
        Assert.Contains("900 MiB of 819.2 MiB", Explain(planned, 0, 0));
    }

    [Fact]
    public void CopiesAreExplained()
    {
        using var planned = new Planned(Some.Trace(2, 8, 2, 200, 5), nodes: 1, gpusPerNode: 4, "eplb-replicated");
        var copies = planned.Loaded.Layers[0].Copies();
        var (several, one) = (Array.FindIndex(copies, c => c > 1), Array.FindIndex(copies, c => c == 1));
        Assert.Contains($"Expert {several} of layer 0 has {copies[several]} copies, on GPU", Explain(planned, 0, several));
        Assert.Contains("Copies: none.", Explain(planned, 0, one));
    }

    [Fact]
    public void ExpertCountsAreExplainedByLoadAlone()
    {
        using var planned = new Planned(Some.Trace(1, 4, 1, 10, 1), nodes: 1, gpusPerNode: 2);
        File.WriteAllText(planned["counts.json"], """{"expert_popularity": [[10, 20, 30, 40], [4, 3, 2, 1]]}""");
        planned.Options.Trace = planned["counts.json"];
        planned.Plan();
        var text = Explain(planned, 1, 0);
        Assert.Contains("Expert counts do not link layers", text);
        Assert.Contains("Load: 4 of the layer's 10 choices (40.0 %), 1.60 times the mean expert's; place 1 of 4.", text);
    }

    [Theory]
    [InlineData(7, 0, "has no layer 7; its routed layers are 0, 1")]
    [InlineData(1, 8, "Layer 1 of ", "has no expert 8; its experts are 0 to 7")]
    [InlineData(1, -1, "has no expert -1")]
    public void WhatDoesNotExistIsAMistake(int layer, int expert, params string[] expected)
    {
        using var planned = new Planned(Some.Trace(2, 8, 2, 50, 6), nodes: 1, gpusPerNode: 2, "eplb");
        var message = Mistake(planned, layer, expert);
        Assert.All(expected, words => Assert.Contains(words, message));
    }

    [Fact]
    public void APlanForSomethingElseIsAMistake()
    {
        using var planned = new Planned(Some.Trace(2, 8, 2, 50, 7), nodes: 1, gpusPerNode: 2, "eplb", o => o.ExpertBytes = 1000);
        planned.Options.ExpertBytes = 2000;
        Assert.Contains("it was edited, or made with other sizes", Mistake(planned, 0, 0));
        planned.Options.ExpertBytes = 1000;
        planned.Edit(plan => plan with { Source = plan.Source with { Tokens = 49 } });
        Assert.Contains("was made from 49 tokens of trace.bin, but the settings take 50", Mistake(planned, 0, 0));
        planned.Edit(plan => plan with { Source = plan.Source with { Tokens = 50 } });
        File.WriteAllText(planned["cluster.json"], """{"name": "other", "nodes": [{"gpus": 4}], "withinNode": {"gigabytesPerSecond": 450} }""");
        Assert.Contains("is for 2 GPUs ('test'), but 'other' has 4", Mistake(planned, 0, 0));
        File.WriteAllText(planned["cluster.json"], """{"name": "other", "nodes": [{"gpus": 2}], "withinNode": {"gigabytesPerSecond": 450} }""");
        Assert.Contains("has GPU 0 on node 'rack_0' with 0 bytes, but in 'other' it is on node 'node0'", Mistake(planned, 0, 0));
        Some.Trace(2, 8, 2, 50, 8).Save(planned["other.bin"]);
        planned.Options.Trace = planned["other.bin"];
        Assert.Contains("was made from another trace (trace.bin, SHA-256 ", Mistake(planned, 0, 0));
        planned.Options.Explain = [1];
        Assert.Contains("as in --explain 3 17, not 1 numbers", Assert.Throws<UserError>(() => ExplainRun.Execute("", planned.Options, "", TextWriter.Null)).Message);
    }

    [Fact]
    public void ADrawnTraceIsDrawnAgain()
    {
        using var planned = new Planned(Some.Trace(1, 4, 1, 10, 1), nodes: 1, gpusPerNode: 2);
        (planned.Options.Trace, planned.Options.Synthetic, planned.Options.SyntheticTokens) = ("", "2x8x2", 100);
        planned.Plan();
        Assert.Contains("by moetuner from synthetic 2x8x2.", Explain(planned, 1, 7));
        planned.Options.Synthetic = "2x8x3";
        Assert.Contains("was made from 'synthetic 2x8x2', not from 'synthetic 2x8x3'", Mistake(planned, 1, 7));
    }

    [Fact]
    public void TheClusterIsFoundByItsName()
    {
        using var planned = new Planned(Some.Trace(2, 8, 2, 50, 9), nodes: 1, gpusPerNode: 2, "eplb");
        Directory.CreateDirectory(planned["clusters"]);
        planned.Options.Cluster = "";
        Assert.Contains("which is not among the descriptions in", Mistake(planned, 0, 0));
        File.Copy(planned["cluster.json"], planned["clusters/some.json"]);
        Assert.StartsWith("Expert 0 of layer 0 is on GPU", Explain(planned, 0, 0));
    }

    [Fact]
    public void AClusterOfSeveralEqualNodesIsFoundToo()
    {
        using var planned = new Planned(Some.Trace(2, 8, 2, 50, 9), nodes: 1, gpusPerNode: 2, "eplb", o => o.Nodes = 2);
        Assert.Equal("2 x test", planned.Loaded.Source.Cluster);
        Directory.CreateDirectory(planned["clusters"]);
        File.Copy(planned["cluster.json"], planned["clusters/some.json"]);
        (planned.Options.Cluster, planned.Options.Nodes) = ("", 0);
        Assert.StartsWith("Expert 0 of layer 0 is on GPU", Explain(planned, 0, 0));
    }

    static string Mistake(Planned planned, int layer, int expert) => Assert.Throws<UserError>(() => Explain(planned, layer, expert)).Message;

    static string Explain(Planned planned, int layer, int expert)
    {
        planned.Options.Explain = [layer, expert];
        var output = new StringWriter();
        ExplainRun.Execute("", planned.Options, planned["clusters"], output);
        return output.ToString().ReplaceLineEndings("\n");
    }

    /// <summary>As many tokens of the topics 0 and 1, with the experts t and t + 2 in both layers; some have expert t alone.</summary>
    static RoutingTrace Pairs()
    {
        const int tokens = 60;
        int[] ids = [.. Enumerable.Range(0, tokens).SelectMany(t => t % 20 < 18 ? t % 2 == 0 ? new[] { 0, 2 } : [1, 3] : t % 2 == 0 ? [0, -1] : [1, -1])];
        var header = new RoutingTraceHeader([new(0, 4, 2), new(1, 4, 2)], "pairs", HasWeights: false);
        return new RoutingTrace(header, [new RoutingTraceFrame(0, RoutingPhase.Evaluation, tokens, [ids, ids], [ReadOnlyMemory<float>.Empty, ReadOnlyMemory<float>.Empty])]);
    }
}
