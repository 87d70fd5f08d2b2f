using OnnxMoe.Serving.Sessions;

namespace OnnxMoe.Serving.Paging;

/// <summary>The pages of one sequence. Full ones are published, so that other sequences that begin alike share them.</summary>
internal sealed class PagedCache(PagePool pool, Home home) : SequenceCache
{
    private readonly List<int> _pages = [];
    private readonly List<int> _tokens = []; // of the page that is being filled
    private PageKey? _last; // of the last full page
    private long _salt;

    /// <summary>Where it lies.</summary>
    public Home Home => home;

    /// <summary>Its pages, the first tokens' first.</summary>
    public IReadOnlyList<int> Pages => _pages;

    /// <inheritdoc/>
    public override int Reuse(IReadOnlyList<int> tokens, long salt)
    {
        _salt = salt;
        while (Length + pool.PageSize < tokens.Count)
        {
            var key = new PageKey(_last, salt, [.. tokens.Skip(Length).Take(pool.PageSize)]);
            if (!pool.TryShare(ref key, out var page))
                break;
            _pages.Add(page);
            _last = key;
            Length += pool.PageSize;
        }
        return Length;
    }

    /// <inheritdoc/>
    public override bool TryGrow(int tokens)
    {
        var wanted = (Length + tokens + pool.PageSize - 1) / pool.PageSize;
        if (wanted - _pages.Count > pool.Available)
            return false;
        while (_pages.Count < wanted && pool.TryTake(out var page))
            _pages.Add(page);
        return true;
    }

    /// <summary>Notes that a step has filled in what was computed of these tokens.</summary>
    public void Advance(ReadOnlySpan<long> tokens)
    {
        foreach (var token in tokens)
        {
            _tokens.Add((int)token);
            Length++;
            if (_tokens.Count < pool.PageSize)
                continue;
            _last = new PageKey(_last, _salt, [.. _tokens]);
            pool.Publish(_pages[Length / pool.PageSize - 1], _last);
            _tokens.Clear();
        }
    }

    public override void Dispose()
    {
        // The last first: a kept page is of use only while those before it are there.
        for (var i = _pages.Count - 1; i >= 0; i--)
            pool.Release(_pages[i]);
        _pages.Clear();
    }
}
