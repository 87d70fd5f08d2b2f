using System.Diagnostics;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Exporter.Verification;
using OnnxMoe.Trainer.Backbones;

namespace OnnxMoe.Bench.Export;

/// <summary>One exported file in a session of its own.</summary>
internal sealed class Contender : IDisposable
{
    /// <summary>Threads of a session.</summary>
    public const int Threads = 2;

    private readonly Model _model;
    private readonly InferenceSession _session;
    private readonly RunOptions _run = new();
    private readonly string[] _outputs;
    private Dictionary<string, OrtValue> _inputs = [];

    public Contender(string name, Model model, string path, string? kernels = null)
    {
        (Name, _model) = (name, model);
        using var options = new SessionOptions { IntraOpNumThreads = Threads };
        options.AddSessionConfigEntry("session.intra_op.allow_spinning", "0"); // sessions that wait must not slow down the one that runs
        if (kernels is not null)
            options.RegisterCustomOpLibrary(kernels);
        _session = new InferenceSession(path, options);
        _outputs = [.. model.Outputs.Select(output => output.Name).Where(output => !output.StartsWith("routing", StringComparison.Ordinal))];
    }

    public string Name { get; }

    /// <summary>Sets the inputs of a step of <paramref name="length"/> tokens after <paramref name="past"/> others.</summary>
    public void Prepare(int past, int length)
    {
        var random = new Random(1);
        long[] Tokens(int count) => [.. Enumerable.Range(0, count).Select(_ => (long)random.Next(250))];
        Release();
        var previous = past == 0 ? null : TorchRunner.Run(_model, Inputs(Tokens(past), null));
        foreach (var (name, tensor) in Inputs(Tokens(length), previous))
        {
            var value = OrtValue.CreateAllocatedTensorValue(OrtAllocator.DefaultInstance, (TensorElementType)tensor.Type, tensor.Shape);
            if (tensor.Data.Length > 0)
                tensor.Data.CopyTo(value.GetTensorMutableRawData());
            _inputs[name] = value;
        }
        Milliseconds();
    }

    /// <summary>Runs the step once.</summary>
    public double Milliseconds()
    {
        var start = Stopwatch.GetTimestamp();
        _session.Run(_run, _inputs, _outputs).Dispose();
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }

    public void Dispose()
    {
        Release();
        _run.Dispose();
        _session.Dispose();
    }

    private Dictionary<string, HostTensor> Inputs(long[] tokens, IReadOnlyDictionary<string, HostTensor>? previous)
    {
        var inputs = CausalLmStep.Inputs(_model, [tokens], null, previous);
        if (_model is DecoderLm { Router: { } router })
            inputs[PreGate.ExpertIds] = HostTensor.From(tokens.Select(token => token % router.Experts).ToArray(), 1, tokens.Length);
        return inputs;
    }

    private void Release()
    {
        foreach (var value in _inputs.Values)
            value.Dispose();
        _inputs = [];
    }
}
