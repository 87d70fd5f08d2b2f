using Microsoft.ML.OnnxRuntime;

namespace OnnxMoe.Serving.Sessions;

/// <summary>A loaded ONNX graph, on one device or on several: named tensors in, named tensors out. Callers may run it side by side.</summary>
public interface IModelGraph : IDisposable
{
    /// <summary>The inputs that must be given, in the file's order.</summary>
    IReadOnlyDictionary<string, NodeMetadata> Inputs { get; }

    /// <summary>The inputs that have a default.</summary>
    IReadOnlyDictionary<string, NodeMetadata> OptionalInputs { get; }

    /// <summary>The outputs, in the file's order.</summary>
    IReadOnlyDictionary<string, NodeMetadata> Outputs { get; }

    /// <summary>The execution providers that the sessions really got (<see cref="SessionProviders"/>), one entry for each device.</summary>
    IReadOnlyList<string> Providers { get; }

    /// <summary>True when runs that are given together are computed together, which is then faster than one after the other.</summary>
    bool RunsTogether { get; }

    /// <summary>The memory of the GPU that it runs on, for what stays there between runs; null is the host's.</summary>
    OrtAllocator? DeviceMemory => null;

    /// <summary>Where a new sequence of a request is to be at home, of several devices.</summary>
    Home HomeOf(long request) => default;

    /// <summary>Whether what is at home there can still be used.</summary>
    bool Has(Home home) => true;

    /// <summary>Whether the pages of what is at home on a device are the graph's own matter, since the device is another process's; runs are given no pages then.</summary>
    bool KeepsPages(int device) => false;

    /// <summary>Runs the graph on each of some sets of inputs. The failure of one is in its result and leaves the others alone.</summary>
    IReadOnlyList<GraphResult> Run(IReadOnlyList<GraphRun> runs);
}
