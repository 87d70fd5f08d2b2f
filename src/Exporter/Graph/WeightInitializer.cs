using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Ops;
using static TorchSharp.torch;

namespace OnnxMoe.Exporter.Graph;

/// <summary>How a trainable weight is stored in a file.</summary>
internal static class WeightInitializer
{
    public static Initializer Of(Weight weight, WeightPrecision precision)
    {
        var half = IsHalf(weight, precision);
        return new Initializer(weight.Name, half ? ElementType.Float16 : TorchTensors.ElementTypeOf(weight.Parameter.dtype), weight.Shape, () => Load(weight, half)) { IsWeight = true };
    }

    /// <summary>True for the weights that <paramref name="precision"/> stores as float16.</summary>
    public static bool IsHalf(Weight weight, WeightPrecision precision) => precision == WeightPrecision.Fp16 && weight.Shape.Length >= 2 && weight.Parameter.dtype == ScalarType.Float32;

    private static HostTensor Load(Weight weight, bool half)
    {
        using var scope = NewDisposeScope();
        return TorchTensors.ToHost(half ? weight.Parameter.detach().to(ScalarType.Float16) : weight.Parameter);
    }
}
