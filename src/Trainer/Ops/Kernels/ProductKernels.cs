using TorchSharp;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Ops.Kernels;

/// <summary>Matrix products.</summary>
internal static class ProductKernels
{
    public static void Register(KernelTable table)
    {
        table.Add("MatMul", c => c[0].matmul(c[1]));
        table.Add("Gemm", Gemm);
        table.Add("Einsum", c => einsum(c.Attributes.Text("equation", ""), Array.ConvertAll(c.Inputs, input => input!.Tensor)));
    }

    private static Tensor Gemm(OpCall call)
    {
        var a = call.Attributes.Flag("transA") ? call[0].t() : call[0];
        var b = call.Attributes.Flag("transB") ? call[1].t() : call[1];
        var (alpha, beta) = (call.Attributes.Float("alpha", 1), call.Attributes.Float("beta", 1));
        var c = call.Optional(2)?.Tensor;
        if (c is not null && a.is_floating_point())
            return c.addmm(a, b, beta, alpha);
        var product = Scale(a.mm(b), alpha);
        return c is null ? product : product.add(Scale(c, beta));
    }

    private static Tensor Scale(Tensor x, float factor) => factor == 1 ? x : x.mul((Scalar)factor).to_type(x.dtype);
}
