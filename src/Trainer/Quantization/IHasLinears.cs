using OnnxMoe.Trainer.Layers;

namespace OnnxMoe.Trainer.Quantization;

/// <summary>A network whose linear layers can be quantized.</summary>
public interface IHasLinears
{
    /// <summary>All of them, in the order of the network.</summary>
    IReadOnlyList<Affine> Linears { get; }
}
