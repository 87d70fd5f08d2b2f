using System.Globalization;
using OnnxMoe.Artifacts;

namespace OnnxMoe.Trainer.Layers;

/// <summary>Rules between the settings of <see cref="ResidualOptions"/>.</summary>
internal static class ResidualOptionsCheck
{
    /// <summary>Throws a <see cref="UserError"/> that names the first setting that cannot work.</summary>
    /// <param name="options">The section.</param>
    /// <param name="block">Model:Block.</param>
    public static void Check(this ResidualOptions options, string block)
    {
        if (options.Kind == "plain")
            return;
        if (options.Kind == "robust")
        {
            CheckRobust(options);
            return;
        }
        Require(Math.Abs(options.Momentum) < 1, $"Model:Residual:Momentum is {options.Momentum}; the momentum of layer after layer would never fade, so it must be above -1 and below 1");
        Require(options.Step > 0, $"Model:Residual:Step is {options.Step}; it must be above 0");
        Require(!options.Learned || options.Momentum > 0, $"Model:Residual:Momentum is {options.Momentum}; a learned one (Model:Residual:Learned) starts above 0");
        Require(options.Kind != "adam" || options.Decay == 0 || block == "post-norm",
            $"Model:Residual:Decay is {options.Decay}, which takes the stream away; that needs Model:Block post-norm, which adds it a second time");
        Require(options is { Beta1: < 1, Beta2: < 1 }, $"Model:Residual:Beta1 is {options.Beta1} and Beta2 {options.Beta2}; both must be below 1");
    }

    private static void CheckRobust(ResidualOptions options)
    {
        var (k, q) = (options.Condition, options.Rate);
        Require(k > 1, $"Model:Residual:Condition is {k}; it must be above 1");
        Require(options.Smoothness > 0, $"Model:Residual:Smoothness is {options.Smoothness}; it must be above 0");
        var (low, high) = (1 - 1 / Math.Sqrt(k), 1 - 1 / k);
        Require(q >= low && q <= high, $"Model:Residual:Rate is {q}; for a Condition of {k} it must be from {low:F3} to {high:F3}");
        Require(!options.Learned, $"Model:Residual:Learned is true, but Model:Residual:Kind robust computes its factors from Rate, Condition and Smoothness; heavy-ball can learn them");
        Require(options.Sign == "plus", $"Model:Residual:Sign is minus, which Model:Residual:Kind robust does not have");
        var momentum = new RobustResidual(q, k, options.Smoothness).Momentum;
        Require(momentum < 1, $"Model:Residual:Rate {q} and Condition {k} give a momentum of {momentum:F3}; it must be below 1");
    }

    private static void Require(bool holds, FormattableString otherwise)
    {
        if (!holds)
            throw new UserError(otherwise.ToString(CultureInfo.InvariantCulture) + ".");
    }
}
