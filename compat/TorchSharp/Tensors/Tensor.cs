using TorchSharp.Native;

namespace TorchSharp;

/// <summary>
/// The part of TorchSharp 0.107.0 that the project uses, with the same names, signatures and behaviour (its documentation
/// applies), over the system's libtorch. See docs/torchsharp.md.
/// </summary>
public static partial class torch
{
    /// <summary>A tensor: a managed owner of one reference to a native tensor.</summary>
    public partial class Tensor : IDisposable
    {
        private static long _totalCount;
        private static long _peakCount;

        private nint _handle;

        internal Tensor(nint handle, bool register = true)
        {
            _handle = handle;
            var count = Interlocked.Increment(ref _totalCount);
            if (count > _peakCount)
                _peakCount = count;
            if (register && DisposeScopeManager.ThreadSingleton.Current is { } scope)
            {
                OwningScope = scope;
                scope.Include(this);
            }
        }

        ~Tensor() => Dispose(false);

        /// <summary>The number of live managed tensors.</summary>
        public static long TotalCount => _totalCount;

        public static long PeakCount => _peakCount;

        /// <summary>A friendly name, for debugging.</summary>
        public string? name { get; set; }

        /// <summary>True after disposal.</summary>
        public bool IsInvalid => _handle == 0;

        public nint Handle => _handle != 0 ? _handle : throw new InvalidOperationException("Tensor invalid -- empty handle.");

        internal DisposeScope? OwningScope { get; set; }

        public static Tensor UnsafeCreateTensor(nint handle) => new(handle);

        public void Dispose()
        {
            OwningScope?.MarkAsDisposed(this);
            Dispose(true);
            GC.SuppressFinalize(this);
        }

        public Tensor MoveToOuterDisposeScope()
        {
            OwningScope?.MoveToOuter(this);
            return this;
        }

        public Tensor DetachFromDisposeScope()
        {
            OwningScope?.Detach(this);
            return this;
        }

        public Tensor MoveToOtherDisposeScope(Tensor other) => MoveToOtherDisposeScope(other.OwningScope);

        public Tensor MoveToOtherDisposeScope(DisposeScope? other)
        {
            if (OwningScope is { } scope)
                scope.MoveToOther(other, this);
            else
                other?.Attach(this);
            return this;
        }

        /// <summary>Gives up the native reference, which the caller must free.</summary>
        public nint DecoupleFromNativeHandle()
        {
            GC.SuppressFinalize(this);
            OwningScope?.Detach(this);
            return TakeHandle();
        }

        /// <summary>Another managed owner of the same native tensor.</summary>
        public Tensor alias() => Aten.Call("alias", this);

        public override bool Equals(object? obj) => obj is Tensor other && Equals(other);

        public bool Equals(Tensor target) => Aten.Number("equal", this, target) != 0;

        public override int GetHashCode() => base.GetHashCode();

        protected virtual void Dispose(bool disposing)
        {
            var handle = Interlocked.Exchange(ref _handle, 0);
            if (handle == 0)
                return;
            Interlocked.Decrement(ref _totalCount);
            Bridge.onnxmoe_torch_free(handle);
        }

        internal nint TakeHandle()
        {
            var handle = Interlocked.Exchange(ref _handle, 0);
            if (handle == 0)
                throw new InvalidOperationException("Tensor invalid -- empty handle.");
            Interlocked.Decrement(ref _totalCount);
            return handle;
        }
    }
}
