namespace OnnxMoe.Serving.Experts;

/// <summary>What a slot of an <see cref="ExpertCache"/> holds.</summary>
/// <param name="Expert">The expert.</param>
/// <param name="LastUse">When it was used last, counted in uses of the cache.</param>
/// <param name="Uses">How often it was used since it was loaded.</param>
public sealed record CachedExpert(int Expert, long LastUse, long Uses);
