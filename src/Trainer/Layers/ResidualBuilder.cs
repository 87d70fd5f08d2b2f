namespace OnnxMoe.Trainer.Layers;

/// <summary>Builds the residual of a routed layer from a recipe.</summary>
internal static class ResidualBuilder
{
    /// <param name="scope">Of the residual's weights, if it learns any.</param>
    /// <param name="options">The recipe's section.</param>
    /// <param name="isFirst">True for the first routed layer of the model.</param>
    public static Residual Build(LayerScope scope, ResidualOptions options, bool isFirst)
    {
        if (options.Kind == "plain")
            return new PlainResidual();
        if (options.Kind == "robust")
            return new RobustResidual(options.Rate, options.Condition, options.Smoothness);
        var factors = new MomentumFactors(scope, options.Momentum, options.Step, options.Learned);
        return options.Kind == "adam" && isFirst
            ? new AdamResidual(factors, options.Beta1, options.Beta2, options.Decay, options.Sign == "minus")
            : new HeavyBallResidual(factors, options.Sign == "minus");
    }
}
