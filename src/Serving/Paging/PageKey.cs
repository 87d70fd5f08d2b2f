namespace OnnxMoe.Serving.Paging;

/// <summary>
/// What a full page holds: its tokens, and all before them. Two keys are equal when those tokens are, one by one; hashes only find candidates.
/// </summary>
internal sealed class PageKey : IEquatable<PageKey>
{
    private readonly PageKey? _before;
    private readonly long _salt;
    private readonly int[] _tokens;
    private readonly int _hash;

    /// <param name="before">The page before it; null for the first.</param>
    /// <param name="salt">Under which circumstances it was computed.</param>
    /// <param name="tokens">Those of this page.</param>
    public PageKey(PageKey? before, long salt, int[] tokens)
    {
        (_before, _salt, _tokens) = (before, salt, tokens);
        var hash = new HashCode();
        hash.Add(before?._hash);
        hash.Add(salt);
        foreach (var token in tokens)
            hash.Add(token);
        _hash = hash.ToHashCode();
    }

    public bool Equals(PageKey? other)
    {
        // From the last page to the first, in a loop: a long text has many pages.
        for (var mine = this; ; (mine, other) = (mine._before!, other._before))
        {
            if (ReferenceEquals(mine, other))
                return true;
            if (mine is null || other is null || mine._hash != other._hash || mine._salt != other._salt || !mine._tokens.AsSpan().SequenceEqual(other._tokens))
                return false;
        }
    }

    public override bool Equals(object? obj) => Equals(obj as PageKey);

    public override int GetHashCode() => _hash;
}
