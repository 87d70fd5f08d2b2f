using TorchSharp;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Ops.Kernels;

/// <summary>The fused ops (<see cref="FusedOps"/>): a short torch form where that is faster, else the composition.</summary>
internal static class FusedKernels
{
    public static void Register(KernelTable table)
    {
        table.Add("RmsNorm", RmsNorm, domain: OpSet.MoeDomain);
        table.AddTyped("CausalAttention", CausalAttention, domain: OpSet.MoeDomain);
    }

    private static Tensor RmsNorm(OpCall call)
    {
        var x = call[0];
        var epsilon = (double)call.Attributes.Float("epsilon", 1e-5f);
        var inverse = x.square().mean([-1], true).add_((Scalar)epsilon).rsqrt_();
        return x.mul(inverse).mul(call[1]);
    }

    private static Value[] CausalAttention(OpCall call)
    {
        var (heads, kvHeads) = (call.Attributes.RequiredInt("num_heads"), call.Attributes.RequiredInt("kv_num_heads"));
        return call.Optional(3) is null && call.Optional(5) is null && call.Value(0).Shape[1] > 0
            ? AttentionKernel.Run(call, (int)heads, (int)kvHeads)
            : Compositions.CausalAttention(call.Value(0), call.Value(1), call.Value(2), call.Optional(3), call.Optional(4), call.Optional(5),
                call.Value(6), call.Value(7), call.Value(8), heads, kvHeads);
    }
}
