using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Ops.Kernels;

/// <summary>
/// GroupedFfn and GroupedLinear (<see cref="MoeOps"/>), also on codes, and the products with stored matrices, for training: tokens are gathered once in the order of their experts,
/// each expert multiplies its slice, and one index_add brings the weighted rows back. The stacked weights are unbound, so
/// that their gradient is one stack instead of a full-size zero tensor an expert.
/// </summary>
internal static class MoeKernels
{
    public static void Register(KernelTable table)
    {
        table.AddTyped("GroupedFfn", call => Run(call, GroupedFfn), OpSet.MoeDomain);
        table.AddTyped("GroupedLinear", call => Run(call, GroupedLinear), OpSet.MoeDomain);
        table.AddTyped("Linear", call => Run(call, Product), OpSet.MoeDomain);
        table.AddTyped("QuantizedGroupedFfn", call => Run(WithNumbers(call, (3, call[0].shape[^1]), (5, FfnWidth(call)), (7, call[0].shape[^1])), GroupedFfn), OpSet.MoeDomain);
        table.AddTyped("QuantizedGroupedLinear", call => Run(WithNumbers(call, (2, call[0].shape[^1])), GroupedLinear), OpSet.MoeDomain);
        table.AddTyped("QuantizedLinear", call => Run(WithNumbers(call, (1, call[0].shape[^1])), Product), OpSet.MoeDomain);
    }

    /// <summary>The result has the type of x: half-precision weights beside a float x are only stored that way.</summary>
    private static Value[] Run(OpCall call, Func<OpCall, Tensor> kernel) => call.Value(0).Type == ElementType.Float
        ? [call.Result(kernel(call))]
        : ElementRules.Run(call, c => [kernel(c)], computes: true);

    private static Tensor GroupedFfn(OpCall call)
    {
        var (x, weights) = (call[0], call[2]);
        var (up, down) = (Experts(call, 3, x)!, Experts(call, 4, x)!);
        var gate = Experts(call, 5, x);
        var (upBias, downBias, gateBias) = (Experts(call, 6, x), Experts(call, 7, x), Experts(call, 8, x));
        var activate = Activation(call.Attributes.Text("activation", "silu"));
        var picks = ExpertPicks.Sort(call, call.Value(1), up.Length);
        var width = call.Value(4).Shape[2];
        if (picks.Picks.Length == 0)
            return Nothing(call, x, weights, width);
        var tokens = tensor(picks.Tokens, device: x.device);
        var results = picks.ForEach(x.index_select(0, tokens), (e, rows) =>
        {
            var hidden = Linear(rows, up[e], upBias?[e]);
            hidden = gate is null ? activate(hidden) : activate(Linear(rows, gate[e], gateBias?[e])).mul(hidden);
            return Linear(hidden, down[e], downBias?[e]);
        });
        return Combine(results, picks, tokens, weights, x.shape[0]);
    }

    private static Tensor GroupedLinear(OpCall call)
    {
        var (x, slots) = (call[0], call.Value(1).Shape[1]);
        var matrix = Experts(call, 2, x)!;
        var (bias, weights) = (Experts(call, 3, x), call.Optional(4)?.Tensor);
        var picks = ExpertPicks.Sort(call, call.Value(1), matrix.Length);
        var (count, width) = (call.Value(1).Shape[0], call.Value(2).Shape[2]);
        if (picks.Picks.Length == 0)
        {
            var nothing = Nothing(call, x, weights, width);
            return weights is null ? nothing.unsqueeze(1).expand(count, slots, width).contiguous() : nothing;
        }
        var tokens = tensor(picks.Tokens, device: x.device);
        var order = tensor(picks.Picks, device: x.device);
        var rows = call.Attributes.Flag("per_pick") ? x.reshape(count * slots, x.shape[^1]).index_select(0, order) : x.index_select(0, tokens);
        var results = picks.ForEach(rows, (e, part) => Linear(part, matrix[e], bias?[e]));
        return weights is null
            ? zeros([count * slots, width], results.dtype, x.device).index_add(0, order, results, (Scalar)1).reshape(count, slots, width)
            : Combine(results, picks, tokens, weights, count);
    }

    private static Tensor Product(OpCall call) => call[0].matmul(call[1].to_type(call[0].dtype));

    private static long FfnWidth(OpCall call) => call.Value(3).Shape[2];

    /// <summary>The call with numbers in place of codes and their scales, which follow them.</summary>
    /// <param name="codes">Inputs with codes, ascending, and their depths.</param>
    private static OpCall WithNumbers(OpCall call, params (int Input, long Depth)[] codes)
    {
        var inputs = call.Inputs.ToList();
        foreach (var (input, depth) in codes.Reverse().Where(pair => pair.Input < inputs.Count))
        {
            if (inputs[input] is { } stored)
                inputs[input] = call.Result(BlockKernels.Numbers(stored.Tensor, call[input + 1], depth));
            inputs.RemoveAt(input + 1);
        }
        return new(call.Ops, call.Op, [.. inputs], call.Attributes, call.Outputs);
    }

    /// <summary>The slices of a stacked weight, in the type of <paramref name="x"/> (files may store them in half precision).</summary>
    private static Tensor[]? Experts(OpCall call, int index, Tensor x)
    {
        if (call.Optional(index)?.Tensor is not { } stacked)
            return null;
        return (stacked.dtype == x.dtype ? stacked : stacked.to_type(x.dtype)).unbind(0);
    }

    private static Tensor Linear(Tensor rows, Tensor matrix, Tensor? bias) =>
        bias is null ? rows.mm(matrix) : bias.addmm(rows, matrix);

    /// <summary>y[t] = sum of weight * result over the picks of token t.</summary>
    private static Tensor Combine(Tensor results, ExpertPicks picks, Tensor tokens, Tensor weights, long count)
    {
        var factors = weights.reshape(weights.numel()).index_select(0, tensor(picks.Picks, device: results.device));
        var weighted = results.mul(factors.unsqueeze(1));
        return zeros([count, results.shape[1]], results.dtype, results.device).index_add(0, tokens, weighted, (Scalar)1);
    }

    /// <summary>Zeros that still depend on everything trainable, so that a step without any pick has (zero) gradients.</summary>
    private static Tensor Nothing(OpCall call, Tensor x, Tensor? weights, long width)
    {
        var zero = zeros([call.Value(1).Shape[0], width], x.dtype, x.device);
        if (!call.Ops.IsTraining)
            return zero;
        var anchor = x.sum();
        if (weights is not null)
            anchor = anchor.add(weights.sum());
        return zero.add(anchor.mul((Scalar)0.0));
    }

    private static Func<Tensor, Tensor> Activation(string name) => name switch
    {
        "silu" => t => t.silu(),
        "gelu" => t => t.gelu(),
        "relu" => t => t.relu(),
        "identity" => t => t,
        _ => throw new UserError($"Unknown activation '{name}' of an expert: relu, gelu, silu or identity."),
    };
}
