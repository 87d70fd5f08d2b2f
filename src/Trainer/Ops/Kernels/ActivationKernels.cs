using TorchSharp;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Ops.Kernels;

/// <summary>Activation functions, element by element and along an axis.</summary>
internal static class ActivationKernels
{
    public static void Register(KernelTable table)
    {
        table.Add("Relu", c => c[0].relu());
        table.Add("LeakyRelu", c => c[0].leaky_relu((Scalar)c.Attributes.Float("alpha", 0.01f)));
        table.Add("PRelu", PRelu);
        table.Add("Elu", c => Elu(c[0], c.Attributes.Float("alpha", 1), 1));
        table.Add("Selu", c => Elu(c[0], c.Attributes.Float("alpha", 1.67326319217681884765625f), c.Attributes.Float("gamma", 1.05070102214813232421875f)));
        table.Add("Celu", c => c[0].celu((Scalar)c.Attributes.Float("alpha", 1)));
        table.Add("ThresholdedRelu", c => c[0].threshold((Scalar)c.Attributes.Float("alpha", 1), (Scalar)0.0));
        table.Add("Sigmoid", c => c[0].sigmoid());
        table.Add("Tanh", c => c[0].tanh());
        table.Add("HardSigmoid", c => HardSigmoid(c[0], c.Attributes.Float("alpha", 0.2f), c.Attributes.Float("beta", 0.5f)));
        table.Add("HardSwish", c => c[0].mul(HardSigmoid(c[0], 1 / 6.0, 0.5)));
        table.Add("Softplus", c => c[0].softplus());
        table.Add("Softsign", c => c[0].div(c[0].abs().add((Scalar)1.0)));
        table.Add("Mish", c => c[0].mul(c[0].softplus().tanh()));
        table.Add("Gelu", Gelu);
        table.Add("Shrink", Shrink);
        table.Add("Softmax", c => c[0].softmax(c.Axis(-1)));
        table.Add("LogSoftmax", c => c[0].log_softmax(c.Axis(-1)));
        table.Add("Hardmax", Hardmax);
        table.AddMany("Dropout", Dropout);
    }

    public static Tensor HardSigmoid(Tensor x, double alpha, double beta) =>
        x.mul((Scalar)alpha).add((Scalar)beta).clamp((Scalar)0.0, (Scalar)1.0);

    private static Tensor Elu(Tensor x, double alpha, double scale) => x.elu((Scalar)alpha, (Scalar)scale, (Scalar)1.0);

    private static Tensor PRelu(OpCall call)
    {
        var (x, slope) = (call[0], call[1]);
        return where(x.lt((Scalar)0), x.mul(slope), x);
    }

    private static Tensor Gelu(OpCall call)
    {
        var x = call[0];
        if (call.Attributes.Text("approximate", "none") != "tanh")
            return x.gelu();
        var inner = x.add(x.pow((Scalar)3.0), (Scalar)0.044715).mul((Scalar)Math.Sqrt(2 / Math.PI));
        return x.mul((Scalar)0.5).mul(inner.tanh().add((Scalar)1.0));
    }

    private static Tensor Shrink(OpCall call)
    {
        var x = call[0];
        var (bias, lambda) = (call.Attributes.Float("bias", 0), call.Attributes.Float("lambd", 0.5f));
        var shifted = where(x.lt((Scalar)(-lambda)), x.add((Scalar)bias), x.sub((Scalar)bias));
        return shifted.mul(x.abs().gt((Scalar)lambda).to_type(x.dtype));
    }

    private static Tensor Hardmax(OpCall call)
    {
        var (x, axis) = (call[0], call.Axis(-1));
        var best = x.argmax(axis, true);
        return zeros_like(x).scatter(axis, best, ones_like(best, dtype: x.dtype));
    }

    /// <summary>
    /// Without training_mode (input 2; always so before opset 12) the identity. The mask says what was kept.
    /// </summary>
    private static Tensor[] Dropout(OpCall call)
    {
        var x = call[0];
        var ratio = call.Optional(1) is { } given ? given.Tensor.to_type(ScalarType.Float64).item<double>() : call.Attributes.Float("ratio", 0.5f);
        if (call.Optional(2) is not { } training || !training.Tensor.item<bool>() || ratio == 0)
            return [x.alias(), ones_like(x, dtype: ScalarType.Bool)];
        var kept = rand(x.shape, device: x.device).ge((Scalar)ratio);
        return [x.mul(kept.to_type(x.dtype)).div((Scalar)(1 - ratio)), kept];
    }
}
