using System.Runtime.ExceptionServices;
using Microsoft.ML.OnnxRuntime;

namespace OnnxMoe.Serving.Sessions;

/// <summary>What one run of a graph gave.</summary>
public sealed class GraphResult
{
    private readonly OrtValue[]? _values;

    /// <param name="values">The outputs in the order asked for, the receiver's from now on.</param>
    public GraphResult(OrtValue[] values) => _values = values;

    /// <param name="problem">Why there are none.</param>
    public GraphResult(Exception problem) => Problem = problem;

    /// <summary>Why there are no outputs; null when there are.</summary>
    public Exception? Problem { get; }

    /// <summary>The outputs, or throws what went wrong.</summary>
    public OrtValue[] Values
    {
        get
        {
            if (Problem is not null)
                ExceptionDispatchInfo.Throw(Problem);
            return _values!;
        }
    }
}
