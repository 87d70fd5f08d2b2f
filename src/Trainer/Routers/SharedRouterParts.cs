using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Routers;

/// <summary>What the routers of all layers of a model share.</summary>
/// <param name="Cell">The recurrent cell; null without recurrent scores.</param>
/// <param name="Projection">[D, p]; null where each layer has its own.</param>
internal sealed record SharedRouterParts(DepthCell? Cell, Weight? Projection)
{
    /// <param name="scope">Of the model.</param>
    /// <param name="options">The recipe's section Model.</param>
    public static SharedRouterParts Build(LayerScope scope, ModelOptions options)
    {
        var (router, recurrent) = (options.Router, options.Router.Recurrent);
        if (router.Scores != "recurrent")
            return new(null, null);
        scope = router.Frozen ? scope.Child("router").Frozen() : scope.Child("router");
        var deviation = RouterBuilder.Deviation(options);
        return new(Build(recurrent.Frozen == "scores-and-cell" ? scope.Frozen() : scope, recurrent, deviation),
            recurrent.Projector == "shared" ? scope.Normal("projection", deviation, options.HiddenSize, recurrent.Width) : null);
    }

    private static DepthCell Build(LayerScope scope, RecurrentOptions options, double deviation)
    {
        scope = scope.Child("cell");
        return options.Cell switch
        {
            "rnn" => new RnnCell(scope, options.Width, deviation),
            "lstm" => new LstmCell(scope, options.Width, deviation),
            _ => new GruCell(scope, options.Width, deviation),
        };
    }
}
