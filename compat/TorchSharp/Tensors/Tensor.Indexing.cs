using System.Runtime.CompilerServices;
using TorchSharp.Native;

namespace TorchSharp;

public static partial class torch
{
    /// <summary>Index expressions, as in NumPy.</summary>
    public partial class Tensor
    {
        [IndexerName("TensorItems")]
        public Tensor this[params TensorIndex[] indices]
        {
            get => index(indices);
            set => index_put_(value, indices);
        }

        [IndexerName("TensorItems")]
        public Tensor this[params Tensor[] indices]
        {
            get => index(indices);
            set => index_put_(value, indices);
        }

        [IndexerName("TensorItems")]
        public Tensor this[long i1]
        {
            get => Aten.Call("select.int", this, 0, i1);
            set => this[[i1]] = value;
        }

        [IndexerName("TensorItems")]
        public Tensor this[long i1, long i2]
        {
            get => this[[i1, i2]];
            set => this[[i1, i2]] = value;
        }

        [IndexerName("TensorItems")]
        public Tensor this[long i1, long i2, long i3]
        {
            get => this[[i1, i2, i3]];
            set => this[[i1, i2, i3]] = value;
        }

        [IndexerName("TensorItems")]
        public Tensor this[long i1, long i2, long i3, long i4]
        {
            get => this[[i1, i2, i3, i4]];
            set => this[[i1, i2, i3, i4]] = value;
        }

        [IndexerName("TensorItems")]
        public Tensor this[params long[] indices]
        {
            get => index(Array.ConvertAll(indices, i => (TensorIndex)i));
            set => index_put_(value, Array.ConvertAll(indices, i => (TensorIndex)i));
        }

        public Tensor index(params TensorIndex[] indices)
        {
            var view = View(indices, out var positions);
            if (positions is null)
                return ReferenceEquals(view, this) ? alias() : view;
            var result = Aten.Call("index.Tensor", view, positions);
            if (!ReferenceEquals(view, this))
                view.Dispose();
            return result;
        }

        public Tensor index(params Tensor[] indices) => Aten.Call("index.Tensor", this, indices);

        public Tensor index_put_(Tensor value, params TensorIndex[] indices) => index_put_(value, indices, false);

        public Tensor index_put_(Tensor value, TensorIndex[] indices, bool accumulate = false)
        {
            var view = View(indices, out var positions);
            if (positions is not null)
                Aten.Run("index_put_", view, positions, value, accumulate);
            else if (accumulate)
                view.add_(value);
            else
                Aten.Run("copy_", view, value);
            if (!ReferenceEquals(view, this))
                view.Dispose();
            return this;
        }

        public Tensor index_put_(Tensor value, params Tensor[] indices) => index_put_(value, indices, false);

        public Tensor index_put_(Tensor value, Tensor[] indices, bool accumulate = false) =>
            Aten.InPlace("index_put_", this, indices, value, accumulate);

        public Tensor index_put_(Scalar value, params TensorIndex[] indices)
        {
            using var number = torch.full(Array.Empty<long>(), value, dtype);
            return index_put_(number, indices);
        }

        public Tensor index_put_(Scalar value, params Tensor[] indices)
        {
            using var number = torch.full(Array.Empty<long>(), value, dtype);
            return index_put_(number, indices);
        }

        // The numbers, slices and new axes make a view; positions are what is left for the operators index and index_put_.
        private Tensor View(TensorIndex[] indices, out Tensor?[]? positions)
        {
            var taken = indices.Count(i => i.Kind is IndexKind.Single or IndexKind.Slice)
                + indices.Where(i => i.Kind == IndexKind.Tensor).Sum(i => i.Positions!.dtype is ScalarType.Bool or ScalarType.Byte ? i.Positions.ndim : 1);
            var list = new List<Tensor?>();
            var view = this;
            var axis = 0L;
            var extra = 0L; // a mask of several dimensions stands for as many axes, but is one entry of the list
            foreach (var part in indices)
            {
                switch (part.Kind)
                {
                    case IndexKind.Single:
                        Advance(Aten.Call("select.int", view, axis, part.Start));
                        break;
                    case IndexKind.Slice:
                        if (part.Start is not null || part.Stop is not null || part.Step is not null)
                            Advance(Aten.Call("slice.Tensor", view, axis, part.Start, part.Stop, part.Step ?? 1));
                        axis++;
                        break;
                    case IndexKind.NewAxis:
                        Advance(Aten.Call("unsqueeze", view, axis++));
                        break;
                    case IndexKind.Ellipsis:
                        axis += Dimensions - taken;
                        break;
                    case IndexKind.Bool:
                        Advance(Aten.Call("unsqueeze", view, axis));
                        Place(torch.full([1], part.Start != 0, ScalarType.Bool));
                        break;
                    case IndexKind.Tensor:
                        Place(part.Positions!);
                        break;
                }
            }
            positions = list.Count == 0 ? null : [.. list];
            return view;

            void Advance(Tensor next)
            {
                if (!ReferenceEquals(view, this))
                    view.Dispose();
                view = next;
            }

            void Place(Tensor tensor)
            {
                while (list.Count < axis - extra)
                    list.Add(null);
                list.Add(tensor);
                var axes = tensor.dtype is ScalarType.Bool or ScalarType.Byte ? tensor.ndim : 1;
                axis += axes;
                extra += axes - 1;
            }
        }
    }
}
