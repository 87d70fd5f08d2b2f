using OnnxMoe.Artifacts;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Training;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Conversions;

/// <summary>
/// Cuts each dense feed-forward layer of hidden size N h into N experts of hidden size h (SMoE-Dropout, Chen et al. 2023, arXiv
/// 2303.01610). The weights of a token's experts sum to 1, so the output matrices are made N times as large and the output bias is
/// every expert's: with all N experts and a router whose scores are equal the routed layer is the dense one, and with fewer it is the
/// mean of the chosen slices. The router keeps its random values; a small Model:Router:InitialDeviation keeps its scores nearly equal.
/// </summary>
public sealed class SliceDense : Conversion
{
    private const string Experts = ".moe.experts.", Dense = ".ffn.";

    public override string Name => "slice";

    public override void Apply(IReadOnlyList<TrainedModel> sources, DecoderLm target, ModelOptions options)
    {
        var source = Single(sources);
        var given = source.Model.Weights.ToDictionary(weight => weight.Name);
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        foreach (var weight in target.Weights.Where(weight => !weight.Name.Contains(".moe.router.", StringComparison.Ordinal)))
        {
            weight.Parameter.copy_(weight.Name.Contains(Experts, StringComparison.Ordinal)
                ? Slices(weight, Find(source, given, weight.Name.Replace(Experts, Dense, StringComparison.Ordinal)), options)
                : Find(source, given, weight.Name, weight.Shape));
        }
    }

    /// <param name="weight">Of all experts, the first dimension counting them.</param>
    /// <param name="dense">The dense layer's weight of that name.</param>
    /// <param name="options">Of the routed model.</param>
    private Tensor Slices(Weight weight, Tensor dense, ModelOptions options)
    {
        var (experts, hidden, width) = (options.Experts, options.ExpertHidden, options.HiddenSize);
        var kind = weight.Name[(weight.Name.LastIndexOf('.') + 1)..];
        var (axis, expected) = kind switch
        {
            "down" => (0, new[] { (long)experts * hidden, width }),
            "down_bias" => (-1, [width]),
            "up_bias" or "gate_bias" => (0, [(long)experts * hidden]),
            _ => (1, [width, (long)experts * hidden]), // up, gate
        };
        if (axis >= 0 && dense.shape[axis] != expected[axis])
            throw new UserError($"Start:Convert '{Name}' cuts a dense layer of hidden size {dense.shape[axis]}, but Model:Experts {experts} times Model:ExpertHidden {hidden} is {experts * hidden}; the two must be equal.");
        if (!dense.shape.SequenceEqual(expected))
            throw new UserError($"Start:Convert '{Name}' needs a model of Model:HiddenSize {width}, but its layers have [{string.Join(",", dense.shape)}] instead of [{string.Join(",", expected)}].");
        return kind switch
        {
            "down" => dense.reshape(experts, hidden, width).mul((TorchSharp.Scalar)experts),
            "down_bias" => dense.expand(experts, width),
            "up_bias" or "gate_bias" => dense.reshape(experts, hidden),
            _ => dense.reshape(width, experts, hidden).permute(1, 0, 2),
        };
    }
}
