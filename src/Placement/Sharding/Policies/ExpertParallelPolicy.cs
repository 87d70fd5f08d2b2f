namespace OnnxMoe.Placement.Sharding.Policies;

/// <summary>Plain expert parallelism: every expert stays on its owner.</summary>
public sealed class ExpertParallelPolicy() : ShardingPolicy("ep", "plain expert parallelism: each expert on one device, for good");
