namespace OnnxMoe.Serving.Paging;

/// <summary>
/// The pages of a KV cache: each holds so many tokens of one sequence, in all layers. A page may be shared by sequences that begin alike, and after
/// the last of them has gone it is kept, least recently used ones being given up first, so that a later sequence may begin with it (Kwon et al. 2023).
/// Only numbers are kept here, the memory is <see cref="PagedMemory"/>'s. One thread uses it at a time.
/// </summary>
internal sealed class PagePool
{
    private readonly Stack<int> _free = [];
    private readonly int[] _users;
    private readonly PageKey?[] _keys;
    private readonly Dictionary<PageKey, int> _known = [];
    private readonly LinkedList<int> _idle = []; // kept, with no user; the first is given up first
    private readonly LinkedListNode<int>?[] _idleNodes;

    /// <param name="pages">How many there are.</param>
    /// <param name="pageSize">Tokens of a page.</param>
    /// <param name="before">The pool whose place it takes, and whose counts it goes on with.</param>
    public PagePool(int pages, int pageSize, PagePool? before = null)
    {
        (Pages, PageSize) = (pages, pageSize);
        (Queries, Hits) = (before?.Queries ?? 0, before?.Hits ?? 0);
        (_users, _keys, _idleNodes) = (new int[pages], new PageKey?[pages], new LinkedListNode<int>?[pages]);
        for (var page = pages - 1; page >= 0; page--)
            _free.Push(page);
    }

    /// <summary>How many there are.</summary>
    public int Pages { get; }

    /// <summary>Tokens of a page.</summary>
    public int PageSize { get; }

    /// <summary>Pages that sequences use.</summary>
    public int Used => Pages - Available;

    /// <summary>Pages that can be taken.</summary>
    public int Available => _free.Count + _idle.Count;

    /// <summary>Pages kept for sequences to come.</summary>
    public int Kept => _idle.Count;

    /// <summary>Pages that sequences asked for by what they would hold.</summary>
    public long Queries { get; private set; }

    /// <summary>Those of them that were there.</summary>
    public long Hits { get; private set; }

    /// <summary>A page that nobody uses; its content is undefined.</summary>
    public bool TryTake(out int page)
    {
        if (!_free.TryPop(out page))
        {
            if (_idle.First is not { } oldest)
                return false;
            page = oldest.Value;
            Wake(page);
            Forget(page);
        }
        _users[page] = 1;
        return true;
    }

    /// <summary>The page with this content, if there is one; it has one user more, and <paramref name="key"/> becomes the key that it is known by.</summary>
    public bool TryShare(ref PageKey key, out int page)
    {
        Queries++;
        if (!_known.TryGetValue(key, out page))
            return false;
        Hits++;
        key = _keys[page]!; // equal keys that are one object are compared at once
        if (_users[page]++ == 0)
            Wake(page);
        return true;
    }

    /// <summary>Says what a full page holds. Where another page holds the same, that one stays the one to share.</summary>
    public void Publish(int page, PageKey key)
    {
        if (_keys[page] is null && _known.TryAdd(key, page))
            _keys[page] = key;
    }

    /// <summary>A user needs a page no more.</summary>
    public void Release(int page)
    {
        if (--_users[page] > 0)
            return;
        if (_keys[page] is null)
            _free.Push(page);
        else
            _idleNodes[page] = _idle.AddLast(page);
    }

    private void Wake(int page)
    {
        _idle.Remove(_idleNodes[page]!);
        _idleNodes[page] = null;
    }

    private void Forget(int page)
    {
        _known.Remove(_keys[page]!);
        _keys[page] = null;
    }
}
