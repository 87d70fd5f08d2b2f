using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Tensors;

namespace OnnxMoe.Kernels.Tests;

/// <summary>A session of one PagedAttention node and the caches that it fills from step to step.</summary>
internal sealed class PagedSession : IDisposable
{
    private readonly PagedCase _case;
    private readonly int[][] _table;
    private readonly InferenceSession _session;
    private readonly OrtValue _keys, _values;

    /// <param name="rank">Of query, key, value and positions: 2 (positions 1) or 3 (positions 2).</param>
    public PagedSession(PagedCase paged, int threads = 2, int rank = 2)
    {
        (_case, _table, Rank) = (paged, paged.PageTable(), rank);
        using var options = new SessionOptions { IntraOpNumThreads = threads, LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL };
        options.AddSessionConfigEntry("session.intra_op.allow_spinning", "0"); // several sessions live at once
        options.RegisterCustomOpLibrary(KernelLibrary.Locate());
        _session = new InferenceSession(Model(paged, [.. Inputs([(0, 0, 1)])]), options);
        (_keys, _values) = (Cache(), Cache());
    }

    public int Rank { get; }

    /// <summary>The output's dimensions as ONNX Runtime infers them.</summary>
    public string[] InferredShape => _session.OutputMetadata["y"].SymbolicDimensions;

    public static byte[] Model(PagedCase paged, (string Name, HostTensor? Tensor)[] inputs, params string[] constants) =>
        OneNodeModel.Build("PagedAttention", inputs, new HashSet<string>(constants), ("num_heads", paged.Heads), ("kv_num_heads", paged.KvHeads), ("page_size", paged.PageSize));

    /// <summary>The inputs of a step: tokens From .. To - 1 of sequences, one part after the other. The caches stand for their types only.</summary>
    public (string Name, HostTensor? Tensor)[] Inputs((int Sequence, int From, int To)[] parts)
    {
        float[] Rows(Func<int, float[]> of, int heads) => [.. parts.SelectMany(p => of(p.Sequence)[(p.From * heads * _case.Size)..(p.To * heads * _case.Size)])];
        int tokens = parts.Sum(p => p.To - p.From), width = _case.Heads * _case.Size, narrow = _case.KvHeads * _case.Size;
        long[] Shape(params long[] sizes) => Rank == 2 ? sizes : [1, .. sizes];
        var starts = new List<int> { 0 };
        foreach (var (_, from, to) in parts)
            starts.Add(starts[^1] + to - from);
        HostTensor cache = _case.Half ? HostTensor.From(new Half[1], 1, 1) : HostTensor.From(new float[1], 1, 1);
        if (_case.Joined)
        {
            var rows = parts.SelectMany(p => Enumerable.Range(p.From, p.To - p.From).SelectMany(i =>
            {
                var (query, key, value) = _case.Tokens(p.Sequence);
                return query[(i * width)..((i + 1) * width)].Concat(key[(i * narrow)..((i + 1) * narrow)]).Concat(value[(i * narrow)..((i + 1) * narrow)]);
            }));
            return [("query", HostTensor.From(rows.ToArray(), Shape(tokens, width + 2 * narrow))), ("key", null), ("value", null), .. Rest()];
        }
        return
        [
            ("query", HostTensor.From(Rows(s => _case.Tokens(s).Query, _case.Heads), Shape(tokens, width))),
            ("key", HostTensor.From(Rows(s => _case.Tokens(s).Key, _case.KvHeads), Shape(tokens, narrow))),
            ("value", HostTensor.From(Rows(s => _case.Tokens(s).Value, _case.KvHeads), Shape(tokens, narrow))),
            .. Rest(),
        ];

        (string, HostTensor?)[] Rest() =>
        [
            ("key_cache", cache), ("value_cache", cache),
            ("page_table", HostTensor.From(parts.SelectMany(p => _table[p.Sequence].Concat(Enumerable.Repeat(-1, _case.MaxPages - _table[p.Sequence].Length))).ToArray(), parts.Length, _case.MaxPages)),
            ("starts", HostTensor.Vector(starts.ToArray())), ("past", HostTensor.Vector(parts.Select(p => p.From).ToArray())),
            ("positions", HostTensor.From(parts.SelectMany(p => Enumerable.Range(p.From, p.To - p.From)).Select(i => (long)(i + _case.FirstPosition)).ToArray(), Shape(tokens))),
            ("cos", HostTensor.From(_case.Table(Math.Cos), _case.TableRows, _case.Size / 2)), ("sin", HostTensor.From(_case.Table(Math.Sin), _case.TableRows, _case.Size / 2)),
        ];
    }

    /// <summary>Runs a step; the output of each part.</summary>
    public float[][] Step(params (int Sequence, int From, int To)[] parts)
    {
        var (shape, values) = Run(Inputs(parts));
        Assert.Equal(Rank == 2 ? [parts.Sum(p => p.To - p.From), _case.Heads * _case.Size] : [1, parts.Sum(p => p.To - p.From), _case.Heads * _case.Size], shape);
        var (results, at) = (new List<float[]>(), 0);
        foreach (var (_, from, to) in parts)
            results.Add(values[at..(at += (to - from) * _case.Heads * _case.Size)]);
        return [.. results];
    }

    /// <summary>Runs any inputs on the caches.</summary>
    public (long[] Shape, float[] Values) Run((string Name, HostTensor? Tensor)[] inputs)
    {
        inputs = [.. inputs.Where(input => input.Tensor is not null)];
        var fed = inputs.Select(i => i.Name switch { "key_cache" => _keys, "value_cache" => _values, _ => Value(i.Tensor!) }).ToArray();
        try
        {
            using var run = new RunOptions();
            using var results = _session.Run(run, inputs.Select(i => i.Name).ToArray(), fed, _session.OutputNames);
            return (results[0].GetTensorTypeAndShape().Shape, results[0].GetTensorDataAsSpan<float>().ToArray());
        }
        finally
        {
            foreach (var value in fed.Where(v => v != _keys && v != _values))
                value.Dispose();
        }
    }

    /// <summary>Both caches as bytes.</summary>
    public byte[] CacheBytes() => [.. _keys.GetTensorMutableRawData(), .. _values.GetTensorMutableRawData()];

    public void Dispose()
    {
        _keys.Dispose();
        _values.Dispose();
        _session.Dispose();
    }

    private static OrtValue Value(HostTensor tensor)
    {
        var value = OrtValue.CreateAllocatedTensorValue(OrtAllocator.DefaultInstance, (TensorElementType)(int)tensor.Type, tensor.Shape);
        tensor.Data.CopyTo(value.GetTensorMutableRawData());
        return value;
    }

    /// <summary>All NaN: whoever reads what was not written will show it.</summary>
    private OrtValue Cache()
    {
        var value = OrtValue.CreateAllocatedTensorValue(OrtAllocator.DefaultInstance, _case.Half ? TensorElementType.Float16 : TensorElementType.Float,
            [_case.Pages, _case.KvHeads * _case.PageSize * _case.Size]);
        value.GetTensorMutableRawData().Fill(0xff);
        return value;
    }
}
