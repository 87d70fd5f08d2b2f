using OnnxMoe.Placement.Sharding;

namespace OnnxMoe.Cli.Verbs;

/// <summary>Simulates how training would spread its experts over a cluster.</summary>
public sealed class ShardVerb : Verb
{
    public override string Name => "shard";

    public override string Summary => "simulates training on a cluster from recorded expert counts: copies, time, memory";

    public override string Usage => "shard --counts FILE";

    public override string OwnSection => "Shard";

    public override IReadOnlyList<string> Examples =>
    [
        "onnxmoe shard --counts models/demo/metrics.jsonl --cluster hecate-v100 --nodes 4",
        "onnxmoe shard --counts counts.csv --cluster dgx-h100 --hidden-size 2048 --expert-hidden 1024 --output plan",
    ];

    public override Task RunAsync(VerbContext context)
    {
        var options = context.Settings.Get<ShardOptions>(OwnSection);
        options.Cluster = KnownFile.Find(options.Cluster, Path.Combine(context.Settings.Root.Models, "clusters"), "cluster");
        ShardRun.Execute(options, context.Output, context.Stop);
        return Task.CompletedTask;
    }
}
