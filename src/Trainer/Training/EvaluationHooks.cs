using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Training;

/// <summary>What an evaluation changes or watches.</summary>
public sealed record EvaluationHooks
{
    /// <summary>Changes what the routed layers do; null leaves them as they are.</summary>
    public Intervention? Intervention { get; init; }

    /// <summary>Experts that each token activates, in place of the model's own number.</summary>
    public int? ActiveExperts { get; init; }

    /// <summary>Changes the inputs of a batch, given the number of its first window; null leaves them as they are.</summary>
    public Func<TokenBatch, long, TokenBatch>? Inputs { get; init; }

    /// <summary>Sees the tokens [T, D] that each routed layer reads.</summary>
    public Action<RoutedLayer, Value>? Watch { get; init; }

    /// <summary>Sees each batch while its tensors are alive.</summary>
    public Action<EvaluatedBatch>? Observe { get; init; }
}
