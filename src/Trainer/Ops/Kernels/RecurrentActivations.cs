using OnnxMoe.Artifacts;
using TorchSharp;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Ops.Kernels;

/// <summary>The activation functions that recurrent operators name in their attributes.</summary>
internal static class RecurrentActivations
{
    /// <summary>Those of one direction; activation_alpha and activation_beta are handed out in turn to the functions that take them.</summary>
    public static Func<Tensor, Tensor>[] Of(OpCall call, int direction, string[] defaults)
    {
        var names = call.Attributes.TryGetValue("activations", out var given) ? (string[])given : null;
        var alphas = new Queue<float>(call.Attributes.Floats("activation_alpha") ?? []);
        var betas = new Queue<float>(call.Attributes.Floats("activation_beta") ?? []);
        var all = (names ?? [.. defaults, .. defaults]).Select(name => Named(call, name, alphas, betas)).ToArray();
        return all[(direction * defaults.Length)..][..defaults.Length];
    }

    private static Func<Tensor, Tensor> Named(OpCall call, string name, Queue<float> alphas, Queue<float> betas)
    {
        double Alpha(double otherwise) => alphas.TryDequeue(out var value) ? value : otherwise;
        double Beta(double otherwise) => betas.TryDequeue(out var value) ? value : otherwise;
        switch (name.ToLowerInvariant())
        {
            case "relu": return t => t.relu();
            case "tanh": return t => t.tanh();
            case "sigmoid": return t => t.sigmoid();
            case "softsign": return t => t.div(t.abs().add((Scalar)1.0));
            case "softplus": return t => t.softplus();
            case "hardsigmoid":
                var (slope, offset) = (Alpha(0.2), Beta(0.5));
                return t => ActivationKernels.HardSigmoid(t, slope, offset);
            case "leakyrelu":
                var leak = Alpha(0.01);
                return t => t.leaky_relu((Scalar)leak);
            case "thresholdedrelu":
                var threshold = Alpha(1);
                return t => t.threshold((Scalar)threshold, (Scalar)0.0);
            case "elu":
                var scale = Alpha(1);
                return t => t.elu((Scalar)scale, (Scalar)1.0, (Scalar)1.0);
            case "scaledtanh":
                var (outer, inner) = (Alpha(1), Beta(1));
                return t => t.mul((Scalar)inner).tanh().mul((Scalar)outer);
            case "affine":
                var (factor, summand) = (Alpha(1), Beta(0));
                return t => t.mul((Scalar)factor).add((Scalar)summand);
            default:
                throw new UserError($"{call.Op}: unknown activation '{name}'.");
        }
    }
}
