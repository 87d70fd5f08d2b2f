namespace OnnxMoe.Artifacts.Tensors;

/// <summary>
/// What a causal language model carries from one step to the next, of whatever kind: keys, values, scores of a router, a
/// selection mask. Every graph input whose name starts with <see cref="Prefix"/> is one, and an output holds what replaces it.
/// </summary>
public sealed record CacheInput
{
    /// <summary>How the names of cache inputs begin.</summary>
    public const string Prefix = "past_key_values.";

    /// <summary>How the names of the outputs begin that replace them.</summary>
    public const string OutputPrefix = "present.";

    /// <summary>The dimension that is 0 at the start and grows by the tokens of each step.</summary>
    public const string Past = "past";

    /// <summary>The dimension that counts sequences.</summary>
    public const string Batch = "batch";

    private readonly string[] _dimensions;

    /// <param name="name">Begins with <see cref="Prefix"/>.</param>
    /// <param name="type">Float or int64.</param>
    /// <param name="dimensions">Numbers, <c>batch</c>, and <c>past</c> once, in any order.</param>
    /// <exception cref="UserError">The input breaks a rule.</exception>
    public CacheInput(string name, ElementType type, IEnumerable<string> dimensions)
    {
        (Name, Type, _dimensions) = (name, type, [.. dimensions]);
        if (type is not (ElementType.Float or ElementType.Int64))
            throw new UserError($"The model's cache '{name}' holds {type}, but a cache holds Float or Int64.");
        if (_dimensions.Count(size => size == Past) != 1 || _dimensions.Any(size => size is not (Past or Batch) && !long.TryParse(size, out _)))
            throw new UserError($"The model's cache '{name}' has the shape [{string.Join(", ", _dimensions)}], but a cache has one dimension '{Past}', and its others are '{Batch}' or numbers.");
    }

    public string Name { get; }

    public ElementType Type { get; }

    /// <summary>The output whose value is this input of the next step: <c>present.</c> and the rest of the name.</summary>
    public string Output => OutputPrefix + Name[Prefix.Length..];

    /// <summary>Which dimension is the past.</summary>
    public int PastAxis => Array.IndexOf(_dimensions, Past);

    /// <summary>What it grows by for each token of one sequence.</summary>
    public long BytesPerToken => _dimensions.Where(size => size is not (Past or Batch)).Aggregate((long)Type.Size(), (bytes, size) => bytes * long.Parse(size));

    /// <summary>True for the name of a cache.</summary>
    public static bool Is(string name) => name.StartsWith(Prefix, StringComparison.Ordinal);

    /// <summary>The shape before the first step, which has no elements.</summary>
    public long[] EmptyShape(int batch) =>
        Array.ConvertAll(_dimensions, size => size switch { Past => 0, Batch => batch, _ => long.Parse(size) });
}
