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
    private readonly int[] _local; // [E]: place here, -1 for elsewhere

    /// <param name="file">The model.</param>
    /// <param name="call">A place where the layer's experts are applied.</param>
    /// <param name="experts">Numbers of the experts to hold.</param>
    /// <param name="device">Where.</param>
    public ExpertSession(CutFile file, ExpertCall call, IReadOnlyList<int> experts, Device device)
    {
        _call = call;
        var stacks = call.Stacks.Where(name => name.Length > 0).Distinct()
            .Select(name => TensorProtoFile.FromHost(TensorProtoFile.Rows(file.Initializers[name], experts, file.Folder, file.Path), name));
        _session = SessionFactory.OpenPart(SegmentModel.OfExperts(file.Model, call, stacks).ToByteArray(), file.Path, device, file.Threads, file.Kernels);
        _local = new int[file.ExpertsOf(call)];
        Array.Fill(_local, -1);
        for (var place = 0; place < experts.Count; place++)
            _local[experts[place]] = place;
    }

    /// <summary>The place of an expert among those here; -1 when it is not.</summary>
    public int PlaceOf(int expert) => _local[expert];

    /// <summary>Applies the experts to rows.</summary>
    /// <param name="rows">[N, D]</param>
    /// <param name="places">[N, K]: places of experts, -1 for none.</param>
    /// <param name="weights">[N, K]</param>
    /// <param name="count">N.</param>
    /// <returns>[N, D]</returns>
    public float[] Apply(float[] rows, long[] places, float[] weights, int count)
    {
        using var x = OrtValue.CreateTensorValueFromMemory(rows, [count, rows.Length / count]);
        using var indices = OrtValue.CreateTensorValueFromMemory(places, [count, places.Length / count]);
        using var shares = OrtValue.CreateTensorValueFromMemory(weights, [count, weights.Length / count]);
        var result = new float[rows.Length];
        using var y = OrtValue.CreateTensorValueFromMemory(result, [count, rows.Length / count]);
        using var options = new RunOptions();
        _session.Run(options, [_call.Tokens, _call.Indices, _call.Weights], [x, indices, shares], [_call.Output], [y]);
        return result;
    }

    public void Dispose() => _session.Dispose();
}
