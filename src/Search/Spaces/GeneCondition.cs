namespace OnnxMoe.Search.Spaces;

/// <summary>Genes matter only where another one has certain values: the one at the same place, or the only one of its group.</summary>
/// <param name="Gene">Name of the other group.</param>
/// <param name="Is">The values, as text.</param>
public sealed record GeneCondition(string Gene, IReadOnlyList<string> Is);
