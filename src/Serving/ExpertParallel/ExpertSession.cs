using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using Onnx;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Serving.Sessions;

namespace OnnxMoe.Serving.ExpertParallel;

/// <summary>Some experts of a layer on one device. It holds their weights and no others.</summary>
internal sealed class ExpertSession : IDisposable
{
    private readonly InferenceSession _session;
    private readonly ExpertCall _call;
    private readonly int _width;
    private int _users = 1;

    /// <param name="file">The model.</param>
    /// <param name="call">A place where the layer's experts are applied.</param>
    /// <param name="experts">Numbers of the experts to hold.</param>
    /// <param name="device">Where.</param>
    public ExpertSession(CutFile file, ExpertCall call, IReadOnlyList<int> experts, Device device)
    {
        (_call, Experts, Device) = (call, experts, device);
        _width = file.WidthOf(call);
        var stacks = call.Stacks.Where(name => name.Length > 0).Distinct()
            .Select(name => TensorProtoFile.FromHost(TensorProtoFile.Rows(file.Initializers[name], experts, file.Folder, file.Path), name));
        _session = SessionFactory.OpenPart(SegmentModel.OfExperts(file.Model, call, stacks).ToByteArray(), file.Path, device, file.Threads, file.Kernels);
    }

    /// <summary>Their numbers, in the order of their places.</summary>
    public IReadOnlyList<int> Experts { get; }

    /// <summary>Where they are.</summary>
    public Device Device { get; }

    /// <summary>Applies the experts to rows.</summary>
    /// <param name="rows">[N, D]</param>
    /// <param name="places">[N, K]: places of experts, -1 for none.</param>
    /// <param name="weights">[N, K]</param>
    /// <param name="count">N.</param>
    /// <param name="options">Of the run.</param>
    /// <returns>[N, D]</returns>
    public float[] Apply(float[] rows, long[] places, float[] weights, int count, RunOptions options)
    {
        using var x = OrtValue.CreateTensorValueFromMemory(rows, [count, rows.Length / count]);
        using var indices = OrtValue.CreateTensorValueFromMemory(places, [count, places.Length / count]);
        using var shares = OrtValue.CreateTensorValueFromMemory(weights, [count, weights.Length / count]);
        var result = new float[rows.Length];
        using var y = OrtValue.CreateTensorValueFromMemory(result, [count, rows.Length / count]);
        _session.Run(options, [_call.Tokens, _call.Indices, _call.Weights], [x, indices, shares], [_call.Output], [y]);
        return result;
    }

    /// <summary>Lets the first expert work on a token of zeros, which shows whether the device works at all.</summary>
    public void Try(RunOptions options) => Apply(new float[_width], [0], [1], 1, options);

    /// <summary>Gives it one user more, each of which disposes it.</summary>
    public ExpertSession Share()
    {
        Interlocked.Increment(ref _users);
        return this;
    }

    /// <summary>Frees the weights when the last user has no need of them.</summary>
    public void Dispose()
    {
        if (Interlocked.Decrement(ref _users) == 0)
            _session.Dispose();
    }
}
