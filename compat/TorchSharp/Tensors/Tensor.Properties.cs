using TorchSharp.Native;

namespace TorchSharp;

public static partial class torch
{
    /// <summary>Shape, element type, place in memory.</summary>
    public partial class Tensor
    {
        public long Dimensions => Bridge.onnxmoe_torch_dimensions(Handle);

        public long ndim => Dimensions;

        public long NumberOfElements => Bridge.onnxmoe_torch_numel(Handle);

        public long ElementSize => dtype.ElementSize();

        public ScalarType dtype => (ScalarType)Bridge.onnxmoe_torch_type(Handle);

        public DeviceType device_type => (DeviceType)Bridge.onnxmoe_torch_device_type(Handle);

        public int device_index => -1;

        public Device device => new(device_type);

        public bool is_cuda => device_type == DeviceType.CUDA;

        public bool is_meta => device_type == DeviceType.META;

        public bool is_sparse => false;

        public unsafe long[] shape
        {
            get
            {
                var sizes = Bridge.onnxmoe_torch_sizes(Handle, out var count);
                return new ReadOnlySpan<long>(sizes, (int)count).ToArray();
            }
        }

        public Tensor T => t();

        public Tensor mT => Aten.Call("mT", this);

        public long dim() => Dimensions;

        public long numel() => NumberOfElements;

        public long element_size() => ElementSize;

        public bool is_integral() => torch.is_integral(dtype);

        public bool is_floating_point() => torch.is_floating_point(dtype);

        public bool is_complex() => torch.is_complex(dtype);

        public bool is_quantized() => torch.is_quantized(dtype);

        public bool is_nonzero() => Aten.Number("is_nonzero", this) != 0;

        public bool is_cpu() => device_type == DeviceType.CPU;

        public bool is_contiguous() => Bridge.onnxmoe_torch_is_contiguous(Handle) != 0;

        public long storage_offset() => Bridge.onnxmoe_torch_storage_offset(Handle);

        public long[] size() => shape;

        public unsafe long size(int dim)
        {
            var sizes = Bridge.onnxmoe_torch_sizes(Handle, out var count);
            return sizes[Wrap(dim, count)];
        }

        public unsafe long[] stride()
        {
            var strides = Bridge.onnxmoe_torch_strides(Handle, out var count);
            return new ReadOnlySpan<long>(strides, (int)count).ToArray();
        }

        public unsafe long stride(int dim)
        {
            var strides = Bridge.onnxmoe_torch_strides(Handle, out var count);
            return strides[Wrap(dim, count)];
        }

        private static long Wrap(long dimension, long count) =>
            dimension >= -count && dimension < count
                ? dimension < 0 ? dimension + count : dimension
                : throw new IndexOutOfRangeException($"Dimension out of range (expected to be in [{-count}, {count - 1}], but got {dimension}).");
    }
}
