namespace TorchSharp;

public static partial class torch
{
    /// <summary>One part of an index expression: a number, a slice, a tensor of positions or of truth values, a new axis, or an ellipsis.</summary>
    public struct TensorIndex
    {
        public static TensorIndex Ellipsis = new(IndexKind.Ellipsis);
        public static TensorIndex None = new(IndexKind.NewAxis);
        public static TensorIndex Null = new(IndexKind.Null);
        public static TensorIndex Colon = Slice();

        private TensorIndex(IndexKind kind) => Kind = kind;

        internal IndexKind Kind { get; }

        internal long? Start { get; private init; }

        internal long? Stop { get; private init; }

        internal long? Step { get; private init; }

        internal Tensor? Positions { get; private init; }

        public static TensorIndex Slice(long? start = null, long? stop = null, long? step = null) =>
            new(IndexKind.Slice) { Start = start, Stop = stop, Step = step };

        public static TensorIndex Slice((int?, int?) range) => Slice(range.Item1, range.Item2);

        public static TensorIndex Slice(Range range) => Slice(Position(range.Start, true), Position(range.End, false));

        public static TensorIndex Bool(bool value) => new(IndexKind.Bool) { Start = value ? 1 : 0 };

        public static TensorIndex Single(long? index) => index is null ? Null : new(IndexKind.Single) { Start = index };

        public static TensorIndex Tensor(Tensor tensor) => new(IndexKind.Tensor) { Positions = tensor };

        public static implicit operator TensorIndex(long value) => Single(value);

        public static implicit operator TensorIndex((int?, int?) range) => Slice(range);

        public static implicit operator TensorIndex(Range range) => Slice(range);

        public static implicit operator TensorIndex(Index index) => Single(index.IsFromEnd ? -index.Value : index.Value);

        // "^0" is the end itself, which a slice leaves out by having no bound.
        private static long? Position(Index index, bool start) =>
            !index.IsFromEnd ? index.Value
            : index.Value == 0 ? start ? long.MaxValue : null
            : -index.Value;
    }

    internal enum IndexKind
    {
        Null,
        NewAxis,
        Ellipsis,
        Single,
        Bool,
        Slice,
        Tensor,
    }
}
