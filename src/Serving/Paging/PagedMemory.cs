using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Tensors;

namespace OnnxMoe.Serving.Paging;

/// <summary>
/// The memory of all pages: for each cache of the model one tensor, which the attention reads and writes in place. In the host's memory the operating system
/// gives memory to a page when it is first written; a GPU's is taken at once.
/// </summary>
internal sealed unsafe class PagedMemory : IDisposable
{
    private const int Alignment = 64;
    private readonly List<nint> _blocks = [];

    /// <param name="model">Whose caches.</param>
    /// <param name="pages">How many pages there are.</param>
    /// <param name="device">Of a GPU; null takes the host's memory.</param>
    /// <exception cref="UserError">The GPU has too little.</exception>
    public PagedMemory(PagedModel model, int pages, OrtAllocator? device)
    {
        try
        {
            foreach (var cache in model.Caches)
            {
                var shape = model.Attention.ShapeOf(cache, pages);
                Tensors[cache.Name] = device is null ? OnHost(shape, model.CacheType) : OrtValue.CreateAllocatedTensorValue(device, (TensorElementType)model.CacheType, shape);
                if (model.Attention.OutputOf(cache) is { } output)
                    Outputs[output] = Tensors[cache.Name];
            }
        }
        catch (OnnxRuntimeException problem)
        {
            Dispose();
            throw new UserError(string.Create(CultureInfo.InvariantCulture,
                $"The KV cache of {pages * (long)model.Attention.PageSize * model.BytesPerToken / (1024 * 1024):N0} MiB does not fit in the device's memory; give Serve:CacheSize less, or Serve:Slots."), problem);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The tensors by the name of the cache.</summary>
    public Dictionary<string, OrtValue> Tensors { get; } = [];

    /// <summary>The same by the output of the graph that is written to it.</summary>
    public Dictionary<string, OrtValue> Outputs { get; } = [];

    public void Dispose()
    {
        foreach (var tensor in Tensors.Values)
            tensor.Dispose();
        foreach (var block in _blocks)
            NativeMemory.Free((void*)block);
        _blocks.Clear();
    }

    private OrtValue OnHost(long[] shape, ElementType type)
    {
        var bytes = shape.Aggregate((long)type.Size(), (product, size) => product * size);
        // Zeroed memory of this size comes straight from the operating system, which maps it only when it is used.
        var block = (nint)NativeMemory.AllocZeroed((nuint)(bytes + Alignment));
        _blocks.Add(block);
        return OrtValue.CreateTensorValueWithData(OrtMemoryInfo.DefaultInstance, (TensorElementType)type, shape, (block + Alignment - 1) / Alignment * Alignment, bytes);
    }
}
