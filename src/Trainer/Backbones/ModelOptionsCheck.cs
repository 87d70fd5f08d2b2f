using OnnxMoe.Artifacts;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Quantization;
using OnnxMoe.Trainer.Routers;

namespace OnnxMoe.Trainer.Backbones;

/// <summary>Rules between the settings of <see cref="ModelOptions"/>.</summary>
public static class ModelOptionsCheck
{
    /// <summary>Throws a <see cref="UserError"/> that names the first pair of settings that do not go together.</summary>
    public static void Check(this ModelOptions options)
    {
        if (options.Backbone == ModelOptions.Perceptron)
        {
            Require(options.Mlp.Hidden.All(hidden => hidden > 0), $"Model:Mlp:Hidden is {string.Join(',', options.Mlp.Hidden)}; every block needs 1 or more");
            return;
        }
        if (options.Backbone is ModelOptions.Convolutional or ModelOptions.CellNetwork or ModelOptions.BranchNetwork)
            return; // their sizes depend on the images and the search space; the models check them
        options.CheckHeadSizes();
        Require(options.KvHeads == 0 || options.Heads % options.KvHeads == 0,
            $"Model:KvHeads is {options.KvHeads}, which does not divide Model:Heads {options.Heads}");
        Require(options.FirstDenseLayers <= options.Layers,
            $"Model:FirstDenseLayers is {options.FirstDenseLayers}; the model has only {options.Layers} layers");
        options.CheckEncoder();
        options.CheckEncoderDecoder();
        options.CheckHeads();
        options.AttentionBank.Check();
        options.CheckPreGate();
        options.CheckQuantization();
        Require(options.Block != "parallel" || options.Residual.Kind == "plain",
            $"Model:Residual:Kind is {options.Residual.Kind}, but Model:Block is parallel, whose two parts are added to the stream as they are; one of the two must be another");
        if (options.FirstDenseLayers == options.Layers)
        {
            Require(options.Residual.Kind == "plain",
                $"Model:Residual:Kind is {options.Residual.Kind}, but there is no routed layer to carry a momentum: Model:FirstDenseLayers is {options.FirstDenseLayers} of {options.Layers}");
            Require(options.Router.Scores != "recurrent",
                $"Model:Router:Scores is recurrent, but there is no routed layer to score for: Model:FirstDenseLayers is {options.FirstDenseLayers} of {options.Layers}");
            return;
        }
        Require(options.Experts >= 1, "Model:Experts is 0 in a model with routed layers; set it to 1 or more, or Model:FirstDenseLayers to Model:Layers for a dense model");
        options.Residual.Check(options.Block);
        options.CheckChain();
        options.CheckRouter();
    }

    /// <summary>What is allowed but has no effect.</summary>
    public static IEnumerable<string> Warnings(this ModelOptions options)
    {
        if (options.Router.Frozen)
            yield return "Model:Router:Frozen is true: the routers keep their random initial weights.";
        if (options.Residual.Kind != "plain" && options.Layers - options.FirstDenseLayers == 1)
            yield return $"Model:Residual:Kind is {options.Residual.Kind}, but the model has one routed layer, so there is nothing to carry a momentum to.";
    }

    private static void Require(bool holds, string otherwise)
    {
        if (!holds)
            throw new UserError(otherwise + ".");
    }
}
