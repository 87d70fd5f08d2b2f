using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Exporter.Lowering;

/// <summary>
/// The operators that only choose or move elements of a weight before a product reads it, as a tied output head reads its embedding transposed; and names
/// for what they give, equal in the graph under construction and in a run of the model.
/// </summary>
internal static class StoredParts
{
    /// <summary>The operators.</summary>
    public static readonly IReadOnlySet<string> Operators = new HashSet<string> { "Transpose", "Slice", "Reshape" };

    /// <summary>A name for the result of an operator.</summary>
    /// <param name="source">The weight, or such a name.</param>
    /// <param name="op">The operator.</param>
    /// <param name="attributes">Its attributes.</param>
    /// <param name="positions">Its further inputs.</param>
    public static string Key(string source, string op, Attributes attributes, IEnumerable<long[]> positions)
    {
        var numbers = (attributes.Ints("perm") is { } order ? positions.Prepend(order) : positions).Select(values => string.Join(',', values));
        return $"{source}/{op}({string.Join(';', numbers)})";
    }
}
