using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Ops;
using static TorchSharp.torch;

namespace OnnxMoe.Exporter.Graph;

/// <summary>An initializer computed from others by running standard ops on TorchSharp tensors.</summary>
internal static class FoldedInitializer
{
    public static Initializer Of(string name, Initializer[] sources, Func<Value[], Value> compute)
    {
        HostTensor Run(Func<Initializer, HostTensor> load)
        {
            using var noGrad = no_grad();
            using var scope = NewDisposeScope();
            var ops = new TorchOps();
            return TorchTensors.ToHost(TorchOps.TensorOf(compute(Array.ConvertAll(sources, source => ops.Constant(load(source))))));
        }
        var shape = Run(source => new HostTensor(source.Type, source.Shape, new byte[source.Shape.Aggregate(1L, (n, size) => n * size) * source.Type.Size()])).Shape;
        return new Initializer(name, sources[0].Type, shape, () => Run(source => source.Load()));
    }
}
