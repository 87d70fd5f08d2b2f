using Google.Protobuf;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Graphs;
using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Serving.Sessions;

namespace OnnxMoe.Serving.Paging;

/// <summary>Loads language models so that they run on pages.</summary>
internal static class PagedEngine
{
    /// <summary>Tokens of a page: sequences share whole pages, and waste half a page each.</summary>
    public const int PageSize = 32;

    /// <summary>The pages that fit in memory of the given size.</summary>
    /// <param name="model">The model.</param>
    /// <param name="sizes">What the manifest says of it.</param>
    /// <param name="options">Slots, and the size of the cache; 0 takes what all slots could need, but no more than a quarter of the machine's memory.</param>
    /// <exception cref="UserError">Not even one sequence fits.</exception>
    public static int PagesOf(PagedModel model, LanguageModelSizes sizes, ServeOptions options)
    {
        var bytesPerPage = PageSize * model.BytesPerToken;
        var perSequence = (sizes.ContextLength + PageSize - 1) / PageSize;
        if (options.CacheSize > 0)
        {
            var pages = options.CacheSize * 1024L * 1024 / bytesPerPage;
            return pages > 0 ? (int)Math.Min(pages, int.MaxValue) : throw new UserError(
                $"Serve:CacheSize is {options.CacheSize} MiB, but {PageSize} tokens of this model take {(double)bytesPerPage / (1024 * 1024):0.0} MiB; give it at least that.");
        }
        var affordable = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 4 / bytesPerPage;
        return (int)Math.Min((long)options.Slots * (perSequence + 1), Math.Max(affordable, perSequence));
    }

    /// <summary>The model's file changed to run on pages; null with the reason when it cannot.</summary>
    /// <param name="path">The file.</param>
    /// <param name="native">Whether the native kernels will be there.</param>
    /// <param name="cache">What the cache holds: float or float16.</param>
    /// <param name="reason">Why it cannot, to follow "because".</param>
    public static PagedModel? TryChange(string path, bool native, ElementType cache, out string? reason)
    {
        if (!PagedModel.TryMake(ModelFile.Load(path), native ? new NativeAttention(PageSize) : new PortableAttention(PageSize), cache, out var paged, out reason))
            return null;
        if (native)
        {
            NativeProducts.Use(paged.Model);
            RowGraph.TryUse(paged.Model);
        }
        FusedNorms.Use(paged.Model);
        if (native)
            JoinedHeads.Use(paged.Model);
        return paged;
    }

    /// <summary>Opens a changed model on one device.</summary>
    /// <param name="model">The model.</param>
    /// <param name="path">Its file.</param>
    /// <param name="device">Where it runs; native attention does on the processor.</param>
    /// <param name="threads">Threads of one step; 0 takes one a core.</param>
    /// <param name="kernels">Path of the native library; null for attention in standard operators.</param>
    public static WholeGraph Open(PagedModel model, string path, Device device, int threads, string? kernels)
    {
        var whole = model.Model.Clone();
        StackedRouting.Use(whole.Graph);
        if (kernels is not null)
            Regions.Use(whole, model.CacheType);
        return new(SessionFactory.OpenChanged(whole.ToByteArray(), path, device, threads, kernels), device);
    }
}
