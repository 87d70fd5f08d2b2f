using OnnxMoe.Serving.Sessions;

namespace OnnxMoe.Serving.Generation;

/// <summary>The experts that one token met.</summary>
/// <param name="Experts">Their numbers for each routed site of the model, in the order of <see cref="CausalModel.RoutedLayers"/>; none where the token passed all by.</param>
public sealed record TokenRouting(IReadOnlyList<IReadOnlyList<int>> Experts)
{
    /// <summary>The experts of token <paramref name="column"/> of a step of <paramref name="columns"/> tokens.</summary>
    internal static TokenRouting Of(ForwardResult result, int column, int columns) => new([.. Enumerable.Range(0, result.RoutedLayers).Select(site =>
    {
        var experts = new List<int>();
        var indices = result.ExpertIndices(site);
        var slots = indices.Length / columns;
        foreach (var expert in indices.Slice(column * slots, slots))
            if (expert >= 0)
                experts.Add((int)expert);
        return experts;
    })]);
}
