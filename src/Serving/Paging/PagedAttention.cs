using Onnx;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Serving.Sessions;

namespace OnnxMoe.Serving.Paging;

/// <summary>What stands in a graph where attentions over caches in one piece stood, and what a run must tell it.</summary>
/// <param name="pageSize">Tokens of a page.</param>
internal abstract class PagedAttention(int pageSize)
{
    /// <summary>Tokens of a page.</summary>
    public int PageSize => pageSize;

    /// <summary>What to call an engine with it.</summary>
    public abstract string Name { get; }

    /// <summary>The inputs beside the caches that the nodes written so far read.</summary>
    public abstract IEnumerable<ValueInfoProto> Inputs { get; }

    /// <summary>Puts attention over pages in the place of a node.</summary>
    /// <param name="graph">The graph; its inputs are not touched.</param>
    /// <param name="call">The node.</param>
    /// <param name="type">What the caches hold: float or float16.</param>
    public abstract void Replace(GraphProto graph, AttentionCall call, ElementType type);

    /// <summary>The shape of the memory of a cache; its first size is a multiple of the number of pages.</summary>
    public abstract long[] ShapeOf(PagedTensor cache, long pages);

    /// <summary>The output of the graph that a cache is after a run, in the same memory; null when the graph writes to its input.</summary>
    public abstract string? OutputOf(PagedTensor cache);

    /// <summary>Which of some steps are to share a run.</summary>
    public abstract IEnumerable<(int Index, ModelStep Item)[]> RunsOf(IEnumerable<(int Index, ModelStep Item)> steps);

    /// <summary>Sets the values of <see cref="Inputs"/> for a run of some steps.</summary>
    public abstract void SetInputs(IReadOnlyList<ModelStep> steps, InputTensors tensors);

    /// <summary>The pages of a step's sequence.</summary>
    protected static IReadOnlyList<int> PagesOf(ModelStep step) => ((PagedCache)step.Cache).Pages;
}
