using OnnxMoe.Artifacts.Tensors;

namespace OnnxMoe.Bench.Kernels;

/// <summary>What the machine gives at most, the best of several tries.</summary>
/// <param name="GigabytesPerSecond">Reading memory with all threads.</param>
/// <param name="GigaflopsPerSecond">A float product of 1024 x 1024 x 1024, by our kernel or by ONNX Runtime's MatMul, whichever is faster.</param>
internal sealed record MachineLimits(double GigabytesPerSecond, double GigaflopsPerSecond)
{
    public static MachineLimits Measure(string kernels)
    {
        const int size = 1024;
        var some = new Random(1);
        HostTensor Square() => HostTensor.From(Enumerable.Range(0, size * size).Select(_ => (float)some.NextDouble() - 0.5f).ToArray(), size, size);
        var (x, matrix) = (new Dictionary<string, HostTensor> { ["x"] = Square() }, Square());
        using var ours = new Contender("Linear", DenseModels.Products("Linear", [matrix]), kernels);
        using var theirs = new Contender("MatMul", DenseModels.Products("MatMul", [matrix]));
        var times = new Turns(3, "best").Measure([[ours.Prepare(x)], [theirs.Prepare(x)]]);
        using var memory = new ReadBandwidth();
        return new(memory.Measure(runs: 8), 2.0 * size * size * size / times.Min() / 1e6);
    }
}
