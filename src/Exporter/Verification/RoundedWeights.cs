using OnnxMoe.Exporter.Graph;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Ops;
using static TorchSharp.torch;

namespace OnnxMoe.Exporter.Verification;

/// <summary>
/// Gives a model's weights the values that a file of some precision stores, until disposed: the file is then compared with a
/// model that differs from it in nothing but the order of float32 operations.
/// </summary>
public sealed class RoundedWeights : IDisposable
{
    private readonly List<(Weight Weight, Tensor Original)> _changed = [];

    public RoundedWeights(Model model, WeightPrecision precision)
    {
        using var noGrad = no_grad();
        foreach (var weight in model.Weights.Where(weight => WeightInitializer.IsHalf(weight, precision)))
        {
            _changed.Add((weight, weight.Parameter.detach().clone()));
            using var half = weight.Parameter.detach().to(ScalarType.Float16);
            using var rounded = half.to(ScalarType.Float32);
            weight.Parameter.copy_(rounded);
        }
    }

    public void Dispose()
    {
        using var noGrad = no_grad();
        foreach (var (weight, original) in _changed)
        {
            weight.Parameter.copy_(original);
            original.Dispose();
        }
        _changed.Clear();
    }
}
