using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using OnnxMoe.Artifacts.Tensors;

namespace OnnxMoe.Serving.Paging;

/// <summary>
/// The memory of all pages: for each cache of the model one tensor [pages, bytes of a page], which the attention reads and writes in place. The
/// operating system gives memory to a page when it is first written.
/// </summary>
internal sealed unsafe class PagedMemory : IDisposable
{
    private const int Alignment = 64;
    private readonly List<nint> _blocks = [];

    /// <param name="model">Whose caches.</param>
    /// <param name="pages">How many pages there are.</param>
    /// <param name="pageSize">Tokens of a page.</param>
    public PagedMemory(PagedModel model, int pages, int pageSize)
    {
        try
        {
            foreach (var (name, width) in model.Caches)
            {
                var elements = (long)pages * pageSize * width;
                var bytes = elements * model.CacheType.Size();
                // Zeroed memory of this size comes straight from the operating system, which maps it only when it is used.
                var block = (nint)NativeMemory.AllocZeroed((nuint)(bytes + Alignment));
                _blocks.Add(block);
                var aligned = (block + Alignment - 1) / Alignment * Alignment;
                Tensors[name] = OrtValue.CreateTensorValueWithData(OrtMemoryInfo.DefaultInstance, (TensorElementType)model.CacheType,
                    [pages, (long)pageSize * width], aligned, bytes);
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The tensors by the name of the cache.</summary>
    public Dictionary<string, OrtValue> Tensors { get; } = [];

    public void Dispose()
    {
        foreach (var tensor in Tensors.Values)
            tensor.Dispose();
        foreach (var block in _blocks)
            NativeMemory.Free((void*)block);
        _blocks.Clear();
    }
}
