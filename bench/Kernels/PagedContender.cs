using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Bench.Kernels;

/// <summary>PagedAttention, with pages of 16 positions scattered over the cache.</summary>
internal sealed class PagedContender : IAttentionContender
{
    private const int PageSize = 16;
    private readonly BoundSession _session;
    private readonly OrtValue _output;

    public PagedContender(AttentionWork work, bool half, int threads, string kernels)
    {
        int pages = work.Context / PageSize, tokens = work.Sequences * work.Tokens;
        _session = new BoundSession(Models.PagedAttention(half, PageSize), threads, kernels);
        _output = _session.Empty(TensorElementType.Float, tokens, AttentionWork.Width);
        var table = Enumerable.Range(0, work.Sequences * pages).ToArray();
        new Random(5).Shuffle(table);
        long[] flat = [tokens, AttentionWork.Width];
        OrtValue Rows(int seed) => _session.Value(new(ElementType.Float, flat, work.Rows(seed).Data));
        (string, OrtValue)[] shared =
        [
            ("query", Rows(1)), ("key", Rows(2)), ("value", Rows(3)), ("page_table", _session.Value(HostTensor.From(table, work.Sequences, pages))),
            ("starts", _session.Value(HostTensor.From(Enumerable.Range(0, work.Sequences + 1).Select(s => s * work.Tokens).ToArray(), work.Sequences + 1))),
            ("past", _session.Value(HostTensor.From(Enumerable.Repeat(work.Context - work.Tokens, work.Sequences).ToArray(), [work.Sequences]))),
            ("positions", _session.Value(HostTensor.From(Enumerable.Range(0, tokens).Select(i => (long)(work.Context - work.Tokens + i % work.Tokens)).ToArray(), [tokens]))),
            ("cos", _session.Value(work.Table(Math.Cos))), ("sin", _session.Value(work.Table(Math.Sin))),
        ];
        OrtValue Cache() => _session.Empty(half ? TensorElementType.Float16 : TensorElementType.Float, work.Sequences * pages, PageSize * AttentionWork.Width);
        for (var layer = 0; layer < work.Layers; layer++)
            _session.Bind([.. shared, ("key_cache", Cache()), ("value_cache", Cache())], [("y", _output)]);
    }

    public ReadOnlySpan<float> Run(int layer)
    {
        _session.Run(layer);
        return _output.GetTensorDataAsSpan<float>();
    }

    public void Dispose() => _session.Dispose();
}
