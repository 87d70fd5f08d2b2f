using TorchSharp.Native;
using TorchSharp.Utils;

namespace TorchSharp;

public static partial class torch
{
    /// <summary>Reading and writing the elements from managed code.</summary>
    public partial class Tensor
    {
        /// <summary>The memory of a contiguous tensor.</summary>
        public unsafe Span<byte> bytes
        {
            get
            {
                if (!is_contiguous())
                    throw new NotImplementedException("Bytes() called on non-contiguous tensor.");
                var size = NumberOfElements * ElementSize;
                if (size > int.MaxValue)
                    throw new ArgumentException("Span only supports up to int.MaxValue elements.");
                return new Span<byte>(DataPointer, (int)size);
            }
            set
            {
                var all = bytes;
                if (all.Length != value.Length)
                    throw new ArgumentException("Mismatched data sizes in SetBytes().");
                value.CopyTo(all);
            }
        }

        internal unsafe void* DataPointer
        {
            get
            {
                var pointer = Bridge.onnxmoe_torch_data(Handle);
                if (pointer is null && NumberOfElements > 0)
                    throw Bridge.Failure();
                return pointer;
            }
        }

        public TensorAccessor<T> data<T>() where T : unmanaged
        {
            ValidateType<T>();
            return new TensorAccessor<T>(this);
        }

        public T item<T>() where T : unmanaged
        {
            if (NumberOfElements != 1)
                throw new ArgumentException($"Number of elements in the tensor must be 1, but got {NumberOfElements}");
            return ReadCpuValue<T>(0);
        }

        public T ReadCpuValue<T>(long i) where T : unmanaged => data<T>()[i];

        public double ReadCpuDouble(long i) => ReadCpuValue<double>(i);

        public float ReadCpuSingle(long i) => ReadCpuValue<float>(i);

        public int ReadCpuInt32(long i) => ReadCpuValue<int>(i);

        public long ReadCpuInt64(long i) => ReadCpuValue<long>(i);

        public byte ReadCpuByte(long i) => ReadCpuValue<byte>(i);

        public sbyte ReadCpuSByte(long i) => ReadCpuValue<sbyte>(i);

        public short ReadCpuInt16(long i) => ReadCpuValue<short>(i);

        public bool ReadCpuBool(long i) => ReadCpuValue<bool>(i);

        public float ReadCpuFloat16(long i) => (float)ReadCpuValue<Half>(i);

        /// <summary>The only element as a <see cref="Scalar"/>.</summary>
        public Scalar ToScalar()
        {
            var type = dtype;
            var value = Aten.Number("item", this);
            return torch.is_floating_point(type) ? Scalar.Fraction(type, value) : Scalar.Whole(type, ReadWhole());
        }

        /// <summary>Writes the elements, in order, as bytes.</summary>
        public void WriteBytesToStream(Stream stream, int bufferSize = 1024) => stream.Write(contiguous().bytes);

        /// <summary>Fills a contiguous tensor from a stream.</summary>
        public void ReadBytesFromStream(Stream stream, int bufferSize = 1024) => stream.ReadExactly(bytes);

        /// <summary>The only element of a tensor of whole numbers or truth values.</summary>
        internal long ReadWhole()
        {
            if (NumberOfElements != 1)
                throw new ArgumentException("Number of elements in the tensor must be 1");
            return dtype switch
            {
                ScalarType.Byte => ReadCpuByte(0),
                ScalarType.Int8 => ReadCpuSByte(0),
                ScalarType.Int16 => ReadCpuInt16(0),
                ScalarType.Int32 => ReadCpuInt32(0),
                ScalarType.Int64 => ReadCpuInt64(0),
                ScalarType.Bool => ReadCpuBool(0) ? 1 : 0,
                _ => (long)Aten.Number("item", this),
            };
        }

        private void ValidateType<T>()
        {
            var type = dtype;
            var fits = type switch
            {
                ScalarType.Byte => typeof(T) == typeof(byte),
                ScalarType.Int8 => typeof(T) == typeof(sbyte),
                ScalarType.Int16 => typeof(T) == typeof(short),
                ScalarType.Int32 => typeof(T) == typeof(int),
                ScalarType.Int64 => typeof(T) == typeof(long),
                ScalarType.Bool => typeof(T) == typeof(bool),
                ScalarType.Float16 => typeof(T) == typeof(Half),
                ScalarType.Float32 => typeof(T) == typeof(float),
                ScalarType.Float64 => typeof(T) == typeof(double),
                _ => false,
            };
            if (!fits)
                throw new ArgumentException($"{typeof(T).Name} is not compatible with {type}");
        }
    }
}
