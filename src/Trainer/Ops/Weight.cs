using TorchSharp;

namespace OnnxMoe.Trainer.Ops;

/// <summary>
/// A named trainable tensor of a layer. Training runs on the TorchSharp parameter; export writes it as an initializer of
/// the same name.
/// </summary>
public sealed class Weight(string name, TorchSharp.Modules.Parameter parameter)
{
    /// <summary>Dotted path, unique in the model, for example <c>layers.0.moe.experts.up</c>.</summary>
    public string Name { get; } = name;

    public TorchSharp.Modules.Parameter Parameter { get; } = parameter;

    /// <summary>True for stored statistics, which are no parameters.</summary>
    public bool IsStatistic { get; init; }

    /// <summary>False for a weight that training leaves as it is.</summary>
    public bool IsTrainable => Parameter.requires_grad;

    public long[] Shape => Parameter.shape;
}
