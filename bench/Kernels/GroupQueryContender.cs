using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using OnnxMoe.Artifacts.Tensors;

namespace OnnxMoe.Bench.Kernels;

/// <summary>ONNX Runtime's com.microsoft GroupQueryAttention at its best: its caches are bound as input and output, so that it copies none.</summary>
internal sealed class GroupQueryContender : IAttentionContender
{
    private readonly BoundSession _session;
    private readonly OrtValue _output;

    public GroupQueryContender(AttentionWork work, int threads)
    {
        _session = new BoundSession(Models.GroupQueryAttention(), threads);
        _output = _session.Empty(TensorElementType.Float, work.Sequences, work.Tokens, AttentionWork.Width);
        (string, OrtValue)[] shared =
        [
            ("query", _session.Value(work.Rows(1))), ("key", _session.Value(work.Rows(2))), ("value", _session.Value(work.Rows(3))),
            ("ends", _session.Value(HostTensor.From(Enumerable.Repeat(work.Context - 1, work.Sequences).ToArray(), [work.Sequences]))),
            ("total", _session.Value(HostTensor.From([work.Context], 1))),
            ("cos", _session.Value(work.Table(Math.Cos))), ("sin", _session.Value(work.Table(Math.Sin))),
        ];
        OrtValue Cache() => _session.Empty(TensorElementType.Float, work.Sequences, AttentionWork.Heads, work.Context, AttentionWork.Size);
        for (var layer = 0; layer < work.Layers; layer++)
        {
            var (keys, values) = (Cache(), Cache());
            _session.Bind([.. shared, ("past_key", keys), ("past_value", values)], [("y", _output), ("present_key", keys), ("present_value", values)]);
        }
    }

    public ReadOnlySpan<float> Run(int layer)
    {
        _session.Run(layer);
        return _output.GetTensorDataAsSpan<float>();
    }

    public void Dispose() => _session.Dispose();
}
