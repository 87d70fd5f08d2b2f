namespace TorchSharp;

/// <summary>
/// Frees, at its end, the tensors that were made on its thread while it was the innermost scope, except those that have
/// been moved out or detached.
/// </summary>
public sealed partial class DisposeScope : IDisposable
{
    private DisposeScopeManager? _manager;
    private HashSet<IDisposable> _disposables = new(ReferenceEqualityComparer.Instance);

    internal DisposeScope(DisposeScopeManager manager, DisposeScope? outer) => (_manager, OuterScope) = (manager, outer);

    internal DisposeScope? OuterScope { get; set; }

    /// <summary>A copy of the list of what the scope would dispose of now.</summary>
    public IReadOnlyList<IDisposable> DisposablesView => [.. _disposables];

    public int DisposablesCount => _disposables.Count;

    public bool Contains(IDisposable disposable)
    {
        RequireOpen();
        return _disposables.Contains(disposable);
    }

    /// <summary>Moves what is in this scope to another one, or detaches it if that is null.</summary>
    public void MoveToOther(DisposeScope? scope, IEnumerable<IDisposable> disposables)
    {
        RequireOpen();
        foreach (var disposable in disposables)
        {
            if (_disposables.Remove(disposable))
                AddTo(scope, disposable);
        }
    }

    public void Detach(IEnumerable<IDisposable> disposables)
    {
        RequireOpen();
        foreach (var disposable in disposables)
        {
            if (_disposables.Remove(disposable))
                SetOwner(disposable, null);
        }
    }

    /// <summary>Takes disposables into this scope, out of the one they are in.</summary>
    public IReadOnlyList<IDisposable> Attach(IEnumerable<IDisposable> disposables)
    {
        RequireOpen();
        var attached = new List<IDisposable>();
        foreach (var disposable in disposables)
        {
            AddTo(this, disposable);
            attached.Add(disposable);
        }
        return attached;
    }

    /// <summary>Disposes of all but <paramref name="inKeep"/> now; the scope goes on.</summary>
    public void DisposeEverythingBut(IEnumerable<IDisposable> inKeep)
    {
        RequireOpen();
        var all = _disposables;
        var keep = new HashSet<IDisposable>(inKeep, ReferenceEqualityComparer.Instance);
        keep.IntersectWith(all);
        _disposables = keep;
        foreach (var disposable in all)
        {
            if (keep.Contains(disposable))
                continue;
            SetOwner(disposable, null);
            disposable.Dispose();
        }
    }

    public void Dispose()
    {
        if (_manager is null)
            return;
        DisposeEverything();
        _manager.Remove(this);
        _manager = null;
    }

    /// <summary>Tells the scope that something in it has been disposed of.</summary>
    public void MarkAsDisposed(IDisposable disposable)
    {
        RequireOpen();
        _disposables.Remove(disposable);
        SetOwner(disposable, null);
    }

    internal void Include(IDisposable disposable) => _disposables.Add(disposable);

    /// <summary>Puts <paramref name="replacement"/> in the place of a tensor whose handle it took over.</summary>
    internal static void Replace(torch.Tensor original, torch.Tensor replacement)
    {
        if (original.OwningScope is { } scope && scope._disposables.Remove(original))
        {
            original.OwningScope = null;
            AddTo(scope, replacement);
        }
    }

    private static void AddTo(DisposeScope? scope, IDisposable disposable)
    {
        if (disposable is torch.Tensor tensor)
        {
            if (ReferenceEquals(tensor.OwningScope, scope) && scope is not null)
                return;
            tensor.OwningScope?._disposables.Remove(tensor);
        }
        SetOwner(disposable, scope);
        scope?._disposables.Add(disposable);
    }

    private static void SetOwner(IDisposable disposable, DisposeScope? scope)
    {
        if (disposable is torch.Tensor tensor)
            tensor.OwningScope = scope;
    }

    private void RequireOpen() => ObjectDisposedException.ThrowIf(_manager is null, this);
}
