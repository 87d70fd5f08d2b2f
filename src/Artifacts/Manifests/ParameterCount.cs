namespace OnnxMoe.Artifacts.Manifests;

/// <summary>Numbers of weights of a model.</summary>
/// <param name="Total">All weights.</param>
/// <param name="Active">Weights that one token meets: all but those of the experts it is not routed to.</param>
public sealed record ParameterCount(long Total, long Active);
